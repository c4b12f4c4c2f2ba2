// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import Synchronization

/// The user's terminal in raw mode, so that each key reaches the guest as it is typed, `Ctrl-C` included.
///
/// The mode that was found comes back with `restore`, when this object goes, and when the process dies of a trap, a
/// fault or abort(3). A process that ends by `exit` or by another signal has to call `restore` first; SIGKILL leaves
/// the terminal raw, and `stty sane` mends it.
public final class Terminal: Sendable {
    private let descriptor: CInt
    private let system: any SystemCalls
    /// The mode to go back to; nil when there is nothing to restore. Owned by this object. The lock is held while they
    /// are set, so that a second `restore` returns only when the first is done.
    private let saved: Mutex<TerminalMode?>

    /// Puts the terminal that `descriptor` refers to into raw mode.
    ///
    /// Nothing happens if it is no terminal, or if the process runs in its background: the terminal then belongs to the
    /// user's shell. `descriptor` stays the caller's, and must stay open.
    ///
    /// - Throws: what tcgetattr(3) and tcsetattr(3) give, EIO from a terminal that was hung up; nothing has changed
    ///   then.
    public init(descriptor: CInt, of system: any SystemCalls = LinuxKernel()) throws(Errno) {
        self.descriptor = descriptor
        self.system = system
        guard system.isTerminal(descriptor), system.isForeground(descriptor) else {
            saved = Mutex(nil)
            return
        }
        let mode = try system.terminalMode(of: descriptor)
        saved = Mutex(mode)
        system.guardTerminal(descriptor, mode: mode)
        do { try system.setTerminalMode(of: descriptor, to: mode.raw) } catch {
            saved.withLock { $0 = nil }
            system.unguardTerminal(descriptor)
            throw error
        }
    }

    /// Whether a descriptor refers to a terminal.
    public static func isTerminal(_ descriptor: CInt) -> Bool { LinuxKernel().isTerminal(descriptor) }

    deinit { restore() }

    /// Whether the terminal is in raw mode because of this object.
    public var isRaw: Bool { saved.withLock { $0 != nil } }

    /// Brings the mode back that was found. A second call does nothing; any thread may call.
    public func restore() {
        saved.withLock { saved in
            guard let mode = saved else { return }
            // A failure means that the terminal is gone: there is nothing to restore.
            try? system.setTerminalMode(of: descriptor, to: mode)
            system.unguardTerminal(descriptor)
            saved = nil
        }
    }
}

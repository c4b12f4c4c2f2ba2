// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import Synchronization

/// The user's terminal in raw mode: each key reaches the guest as it is typed, `Ctrl-C` included.
///
/// The former mode is restored by `restore`, when this object is released, and when the process dies of a trap, a fault
/// or abort(3). A process that ends by `exit` or by another signal must call `restore` first. SIGKILL leaves the
/// terminal raw; run `stty sane` then.
public final class Terminal: Sendable {
    private let descriptor: CInt
    private let system: any SystemCalls
    /// The mode to restore; nil when there is nothing to restore. Owned by this object. The lock is held while modes
    /// are set, so that a second `restore` returns only after the first is done.
    private let saved: Mutex<TerminalMode?>

    /// Puts the terminal of `descriptor` into raw mode.
    ///
    /// Nothing happens if it is not a terminal, or if the process runs in its background: the terminal then belongs to
    /// the user's shell. `descriptor` stays the caller's, and must stay open.
    ///
    /// - Throws: the errors of tcgetattr(3) and tcsetattr(3), EIO from a terminal that was hung up; nothing has changed
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

    /// Whether this object has put the terminal into raw mode.
    public var isRaw: Bool { saved.withLock { $0 != nil } }

    /// Restores the former mode.
    ///
    /// A second call does nothing; any thread may call.
    public func restore() {
        saved.withLock { saved in
            guard let mode = saved else { return }
            // An error means that the terminal is gone: there is nothing to restore.
            try? system.setTerminalMode(of: descriptor, to: mode)
            system.unguardTerminal(descriptor)
            saved = nil
        }
    }
}

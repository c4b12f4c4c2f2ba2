// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import LinuxSystem
internal import Synchronization

/// The user's terminal in raw mode, so that each key reaches the guest as it is typed, `Ctrl-C` included.
///
/// The mode that was found comes back with `restore`, or when this object goes. A process that ends without unwinding
/// (`exit`, a signal) has to call `restore` first; SIGKILL leaves the terminal raw, and `stty sane` mends it.
public final class Terminal: Sendable {
    private let descriptor: CInt
    /// The attributes to go back to; nil when there is nothing to restore. Owned by this object. The lock is held while they
    /// are set, so that a second `restore` returns only when the first is done.
    private let saved: Mutex<termios?>

    /// Puts the terminal that `descriptor` refers to into raw mode.
    ///
    /// Nothing happens if it is no terminal, or if the process runs in its background: the terminal then belongs to the
    /// user's shell. `descriptor` stays the caller's, and must stay open.
    ///
    /// - Throws: what tcgetattr(3) and tcsetattr(3) give, EIO from a terminal that was hung up; nothing has changed then.
    public init(descriptor: CInt) throws(Errno) {
        self.descriptor = descriptor
        guard clinux_is_terminal(descriptor) > 0, clinux_is_foreground(descriptor) > 0 else {
            saved = Mutex(nil)
            return
        }
        var attributes = termios()
        let found = clinux_terminal_get(descriptor, &attributes)
        if found < 0 { throw Errno(rawValue: -found) }
        saved = Mutex(attributes)
        clinux_terminal_make_raw(&attributes)
        let result = clinux_terminal_set(descriptor, &attributes)
        if result < 0 {
            saved.withLock { $0 = nil }
            throw Errno(rawValue: -result)
        }
    }

    /// Whether a descriptor refers to a terminal.
    public static func isTerminal(_ descriptor: CInt) -> Bool { clinux_is_terminal(descriptor) > 0 }

    deinit { restore() }

    /// Whether the terminal is in raw mode because of this object.
    public var isRaw: Bool { saved.withLock { $0 != nil } }

    /// Brings the mode back that was found. A second call does nothing; any thread may call.
    public func restore() {
        saved.withLock { saved in
            guard var attributes = saved else { return }
            // A failure means that the terminal is gone: there is nothing to restore.
            _ = clinux_terminal_set(descriptor, &attributes)
            saved = nil
        }
    }
}

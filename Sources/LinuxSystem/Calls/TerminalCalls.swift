// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for a terminal that the user handed in.
///
/// EBADF is thrown like all other errors; the descriptor may be no terminal.
public protocol TerminalCalls: Sendable {
    /// Whether a descriptor refers to a terminal.
    func isTerminal(_ descriptor: CInt) -> Bool
    /// Whether this process is in the terminal's foreground; true when it isn't the controlling terminal.
    func isForeground(_ descriptor: CInt) -> Bool
    /// The mode of the terminal.
    /// - Throws: EIO from a terminal that was hung up.
    func terminalMode(of descriptor: CInt) throws(Errno) -> TerminalMode
    /// Sets the mode at once, also from the background.
    /// - Throws: EIO from a terminal that was hung up.
    func setTerminalMode(of descriptor: CInt, to mode: TerminalMode) throws(Errno)
    /// Restores `mode` when this process dies of a trap, a fault or abort(3). One terminal at a time.
    func guardTerminal(_ descriptor: CInt, mode: TerminalMode)
    /// Undoes `guardTerminal`, unless another terminal is guarded by then.
    func unguardTerminal(_ descriptor: CInt)
}

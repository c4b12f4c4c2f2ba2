// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for a terminal that the user handed in: EBADF is thrown like all other errors, and may come from what is
/// no terminal at all.
public protocol TerminalCalls: Sendable {
    /// Whether a descriptor refers to a terminal.
    func isTerminal(_ descriptor: CInt) -> Bool
    /// Whether this process is in the terminal's foreground; true where it isn't its controlling terminal.
    func isForeground(_ descriptor: CInt) -> Bool
    /// How the terminal is set.
    /// - Throws: EIO from a terminal that was hung up.
    func terminalMode(of descriptor: CInt) throws(Errno) -> TerminalMode
    /// Sets it at once, also from the background.
    /// - Throws: EIO from a terminal that was hung up.
    func setTerminalMode(of descriptor: CInt, to mode: TerminalMode) throws(Errno)
    /// Has `mode` set when this process dies of a trap, a fault or abort(3). One terminal at a time.
    func guardTerminal(_ descriptor: CInt, mode: TerminalMode)
    /// Ends that, unless another terminal is guarded by now.
    func unguardTerminal(_ descriptor: CInt)
}

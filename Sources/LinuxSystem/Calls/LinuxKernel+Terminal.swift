// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// The attributes of a terminal (termios(3)).
public struct TerminalMode: Sendable {
    fileprivate var attributes: termios

    /// The same mode, but raw: each key arrives as it is typed, and no key sends a signal. Lines of output still end in
    /// a carriage return.
    public var raw: TerminalMode {
        var mode = self
        clinux_terminal_make_raw(&mode.attributes)
        return mode
    }
}

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func isTerminal(_ descriptor: CInt) -> Bool { clinux_is_terminal(descriptor) > 0 }

    public func isForeground(_ descriptor: CInt) -> Bool { clinux_is_foreground(descriptor) > 0 }

    public func terminalMode(of descriptor: CInt) throws(Errno) -> TerminalMode {
        var mode = TerminalMode(attributes: termios())
        try retrying { clinux_terminal_get(descriptor, &mode.attributes) }
        return mode
    }

    public func setTerminalMode(of descriptor: CInt, to mode: TerminalMode) throws(Errno) {
        var attributes = mode.attributes
        try retrying { clinux_terminal_set(descriptor, &attributes) }
    }

    public func guardTerminal(_ descriptor: CInt, mode: TerminalMode) {
        var attributes = mode.attributes
        clinux_terminal_guard(descriptor, &attributes)
    }

    public func unguardTerminal(_ descriptor: CInt) { clinux_terminal_unguard(descriptor) }
}

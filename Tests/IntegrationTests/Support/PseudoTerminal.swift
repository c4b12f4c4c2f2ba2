// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CIntegration
import CLinux
import Glibc
import LinuxSystem

/// A pseudo-terminal whose user is the test.
final class PseudoTerminal {
    /// What the test types into and reads from.
    let userEnd: Descriptor
    /// The program's standard input and output. The test keeps it open: its settings outlive the program.
    let programEnd: Descriptor

    init() throws {
        var user: CInt = -1
        var program: CInt = -1
        let result = cintegration_terminal(&user, &program)
        if result < 0 { throw Errno(rawValue: -result) }
        userEnd = try Descriptor(user)
        programEnd = try Descriptor(program)
    }

    /// The settings of the terminal: all its flags and characters.
    var settings: [UInt32] {
        get throws {
            var attributes = termios()
            let result = clinux_terminal_get(programEnd.rawValue, &attributes)
            if result < 0 { throw Errno(rawValue: -result) }
            let characters = withUnsafeBytes(of: attributes.c_cc) { $0.map(UInt32.init) }
            return [attributes.c_iflag, attributes.c_oflag, attributes.c_cflag, attributes.c_lflag] + characters
        }
    }

    /// Whether lines are edited and Ctrl-C sends a signal, as a shell sets it.
    var isCooked: Bool {
        get throws { try settings[3] & UInt32(ICANON | ISIG) == UInt32(ICANON | ISIG) }
    }
}

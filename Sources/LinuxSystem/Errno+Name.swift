// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
// Errno is part of every signature here; whoever imports LinuxSystem has it.
@_exported public import SystemPackage

extension Errno {
    /// The symbol that documentation uses: "ENOENT".
    public var name: String {
        guard let name = clinux_errno_name(rawValue) else { return "errno \(rawValue)" }
        return String(cString: name)
    }

    /// What the symbol means: "No such file or directory".
    public var text: String { String(cString: clinux_errno_text(rawValue)) }

    /// Both: "ENOENT (No such file or directory)".
    public var nameAndText: String { "\(name) (\(text))" }
}

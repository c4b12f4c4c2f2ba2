// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
// Errno is part of every signature here, so every importer of LinuxSystem needs it.
@_exported public import SystemPackage

extension Errno {
    /// The symbol that documentation uses: "ENOENT".
    public var name: String {
        guard let name = clinux_errno_name(rawValue) else { return "errno \(rawValue)" }
        return String(cString: name)
    }

    /// What the symbol means: "No such file or directory".
    public var text: String { String(cString: clinux_errno_text(rawValue)) }

    /// The symbol and its meaning: "ENOENT (No such file or directory)".
    public var nameAndText: String { "\(name) (\(text))" }

    /// What to do about an errno that means the same for every call, one line each; empty for the others.
    public var remedy: [String] {
        switch self {
        case .tooManyOpenFiles: ["this process has reached its limit of open descriptors", "run: ulimit -n 4096"]
        case .tooManyOpenFilesInSystem: ["the host has reached its limit of open files", "run: sysctl fs.file-max"]
        default: []
        }
    }

    /// `nameAndText`, followed by `remedy` in indented lines: the end of a message.
    public var explained: String { ([nameAndText] + remedy).joined(separator: "\n  ") }
}

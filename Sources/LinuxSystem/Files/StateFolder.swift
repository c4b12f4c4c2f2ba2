// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A folder of Martlet's own below one that it shares with other programs: /run/martlet/former-drivers.
///
/// Its folders have the mode 0755 and its files 0644, whatever the umask. Nothing in it is reached through a symbolic
/// link, and what belongs to somebody else than root and this user is refused.
public struct StateFolder: Equatable, Sendable {
    /// The shared folder, whose owner is trusted.
    public let base: String
    /// The folders below it, from the outermost on; names without slashes.
    public let names: [String]

    /// The folder of these names, one in the other, below `base`.
    public init(base: String, names: [String]) {
        self.base = base
        self.names = names
    }

    /// Where `bind` notes what the host had: a folder that a restart of the host empties, as it does sysfs.
    public static var formerDrivers: StateFolder { StateFolder(base: "/run", names: ["martlet", "former-drivers"]) }

    /// Its path.
    public var path: String { names.reduce(base) { "\($0)/\($1)" } }

    /// The outermost of its folders, which is the one that is locked.
    public var outermost: StateFolder { StateFolder(base: base, names: Array(names.prefix(1))) }
}

/// Why Martlet's own folder, or a file in it, can't be used, and what to do about it.
public enum StateFolderError: Error, Equatable, Sendable {
    /// A system call on a path failed.
    case call(String, path: String, Errno)
    /// It belongs to a user who is neither root nor this one.
    case foreign(path: String, owner: UInt32)
    /// Users other than its owner may write to it.
    case writable(path: String)
    /// A symbolic link, or something else that is no folder.
    case notAFolder(path: String)
    /// A symbolic link, or something else that is no regular file.
    case notAFile(path: String)

    /// What is wrong, then what to do, a line each; commands stand after "run: ".
    public var lines: [String] {
        switch self {
        case .call(let call, let path, let errno):
            ["\(call) \(path): \(errno.nameAndText)"] + Self.remedy(errno, path)
        case .foreign(let path, let owner):
            [
                "\(path) belongs to user \(owner), who may have put anything into it",
                "look at it, remove it, and do this again",
            ]
        case .writable(let path):
            [
                "users other than its owner may write to \(path)",
                "look at it, then run: chmod go-w \(path)",
            ]
        case .notAFolder(let path):
            ["\(path) is no folder, or a symbolic link", "look at it, then run: rm \(path)"]
        case .notAFile(let path):
            ["\(path) is no regular file, or a symbolic link", "look at it, then run: rm \(path)"]
        }
    }

    private static func remedy(_ errno: Errno, _ path: String) -> [String] {
        switch errno {
        case .permissionDenied, .notPermitted: ["run it as root"]
        case .readOnlyFileSystem: ["make it writable; in a container: --tmpfs /run"]
        default: errno.remedy
        }
    }
}

extension StateFolderError: CustomStringConvertible {
    /// A line each.
    public var description: String { lines.joined(separator: "\n  ") }
}

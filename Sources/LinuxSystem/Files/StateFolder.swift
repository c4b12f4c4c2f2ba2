// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A folder of Martlet's own below a folder that other programs use too: /run/martlet/former-drivers.
///
/// Its folders have the mode 0755 and its files 0644, whatever the umask. Symbolic links in it are not followed, and a
/// file that belongs neither to root nor to this user is refused.
public struct StateFolder: Equatable, Sendable {
    /// The shared folder, whose owner is trusted.
    public let base: String
    /// The folders below it, outermost first; names without slashes.
    public let names: [String]

    /// The folder of these nested names below `base`.
    public init(base: String, names: [String]) {
        self.base = base
        self.names = names
    }

    /// Where `bind` notes the host's former drivers: a folder that a restart of the host empties, as it does sysfs.
    public static var formerDrivers: StateFolder { StateFolder(base: "/run", names: ["martlet", "former-drivers"]) }

    /// Its path.
    public var path: String { names.reduce(base) { "\($0)/\($1)" } }

    /// The outermost of its folders: the one that is locked.
    public var outermost: StateFolder { StateFolder(base: base, names: Array(names.prefix(1))) }
}

/// Why Martlet's own folder, or a file in it, can't be used, and what to do about it.
public enum StateFolderError: Error, Equatable, Sendable {
    /// A system call on a path failed.
    case call(String, path: String, Errno)
    /// It belongs neither to root nor to this user.
    case foreign(path: String, owner: UInt32)
    /// Users other than its owner may write to it.
    case writable(path: String)
    /// A symbolic link, or something else that is not a folder.
    case notAFolder(path: String)
    /// A symbolic link, or something else that is not a regular file.
    case notAFile(path: String)

    /// What is wrong, then what to do, one line each; commands follow "run: ".
    public var lines: [String] {
        switch self {
        case .call(let call, let path, let errno):
            ["\(call) \(path): \(errno.nameAndText)"] + Self.remedy(errno, path)
        case .foreign(let path, let owner):
            [
                "\(path) belongs to user \(owner): its content can't be trusted",
                "check it, remove it, and run the command again",
            ]
        case .writable(let path):
            [
                "users other than its owner may write to \(path)",
                "check it, then run: chmod go-w \(path)",
            ]
        case .notAFolder(let path):
            ["\(path) is not a folder, or is a symbolic link", "check it, then run: rm \(path)"]
        case .notAFile(let path):
            ["\(path) is not a regular file, or is a symbolic link", "check it, then run: rm \(path)"]
        }
    }

    private static func remedy(_ errno: Errno, _ path: String) -> [String] {
        switch errno {
        case .permissionDenied, .notPermitted: ["run martlet as root"]
        case .readOnlyFileSystem: ["make it writable, or start the container with --tmpfs /run"]
        default: errno.remedy
        }
    }
}

extension StateFolderError: CustomStringConvertible {
    /// The lines as one text.
    public var description: String { lines.joined(separator: "\n  ") }
}

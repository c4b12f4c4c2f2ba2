// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Reads the files of a kernel tree such as /sys.
public struct Sysfs: Sendable {
    /// The folder used as /sys, without a slash at its end.
    public let root: String
    /// The system calls that are used.
    public let system: any SystemCalls

    /// Reads below `root`; tests pass a tree of their own.
    public init(root: String = "/sys", system: any SystemCalls) {
        self.root = root
        self.system = system
    }

    /// A file's text without white space at its end.
    public func text(_ path: String) throws(Errno) -> String {
        var bytes = try system.readFile("\(root)/\(path)", limit: 65536)
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: " ") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The last component of a symbolic link's target; nil if there is no such link.
    public func linkName(_ path: String) throws(Errno) -> String? {
        do {
            let target = try system.readLink("\(root)/\(path)")
            return target.split(separator: "/").last.map(String.init)
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }

    /// The names in a folder; none if there is no such folder.
    public func names(_ path: String) throws(Errno) -> [String] {
        do { return try system.listDirectory("\(root)/\(path)") } catch .noSuchFileOrDirectory { return [] }
    }

    /// Whether a folder exists.
    public func hasDirectory(_ path: String) throws(Errno) -> Bool {
        do { return try system.isDirectory("\(root)/\(path)") } catch .noSuchFileOrDirectory { return false }
    }
}

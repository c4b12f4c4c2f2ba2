// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Paths as text, without access to the file system.
enum ConfigurationPath {
    /// The folder of a file's path: "configs" for "configs/a.json", "" for "a.json", "/" for "/a.json".
    static func folder(of file: String) -> String {
        guard let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    /// The last component of a path, without trailing slashes; empty for "/".
    static func lastComponent(of path: String) -> String {
        guard let last = path.utf8.split(separator: UInt8(ascii: "/")).last else { return "" }
        return String(Substring(last))
    }

    /// `path` relative to `folder`; an absolute path doesn't change.
    static func resolve(_ path: String, in folder: String) -> String {
        if folder.isEmpty || path.utf8.first == UInt8(ascii: "/") { return path }
        return folder.utf8.last == UInt8(ascii: "/") ? folder + path : "\(folder)/\(path)"
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Why a drive can't be used, and what to do; `key` is the JSON path of the key that names the file.
public enum DriveError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A call failed; its name is given.
    case call(String, key: String, path: String, errno: Errno)
    /// The file is neither a regular file nor a block device.
    case kind(FileKind, key: String, path: String)
    /// The guest may write to the drive, but this process may not write to the file.
    case readOnly(key: String, path: String, errno: Errno)
    /// Another program, or another drive, has locked it.
    case locked(key: String, path: String, isReadOnly: Bool)
    /// It has no sector, or its last sector is incomplete; in bytes.
    case size(UInt64, key: String, path: String)

    /// What failed, on what, why, and what to do.
    public var description: String {
        switch self {
        case .call("open", let key, let path, let errno): "\(key): \(path): \(errno.explained)"
        case .call(let call, let key, let path, let errno): "\(key): \(path): \(call): \(errno.explained)"
        case .kind(let kind, let key, let path):
            "\(key): \(path): this is \(kind); give a regular file or a block device"
        case .readOnly(let key, let path, let errno):
            """
            \(key): \(path): it can't be opened for writing: \(errno.explained)
              make it writable to this user, or set is_read_only to true
            """
        case .locked(let key, let path, let isReadOnly):
            """
            \(key): \(path): another program or drive \(isReadOnly ? "writes to it" : "uses it") (it is locked)
              stop the other program, or give \(isReadOnly ? "another file" : "both of them is_read_only true")
            """
        case .size(let bytes, let key, let path):
            """
            \(key): \(path): it has \(bytes) bytes, and a drive has whole sectors of 512 bytes, at least one
              run: truncate -s \(max(1, bytes / 512 + (bytes % 512 == 0 ? 0 : 1)) * 512) \(ShellText.quoted(path))
            """
        }
    }
}

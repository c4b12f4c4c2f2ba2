// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// What a file is (inode(7)).
public enum FileKind: Sendable, Equatable, CustomStringConvertible {
    case regular
    case directory
    case fifo
    case socket
    case characterDevice
    case blockDevice
    /// No kind that Linux documents.
    case unknown

    /// - Parameter mode: `st_mode` of stat(2).
    init(mode: UInt32) {
        self =
            switch mode & 0o170000 {
            case 0o100000: .regular
            case 0o040000: .directory
            case 0o010000: .fifo
            case 0o140000: .socket
            case 0o020000: .characterDevice
            case 0o060000: .blockDevice
            default: .unknown
            }
    }

    /// The kind with its article: "a FIFO".
    public var description: String {
        switch self {
        case .regular: "a regular file"
        case .directory: "a directory"
        case .fifo: "a FIFO"
        case .socket: "a socket"
        case .characterDevice: "a character device"
        case .blockDevice: "a block device"
        case .unknown: "a file of an unknown kind"
        }
    }
}

/// The kind and size of an open file.
public struct FileStatus: Sendable, Equatable {
    /// The kind of the file.
    public let kind: FileKind
    /// In bytes; 0 when it is no regular file.
    public let size: UInt64

    /// Combines both.
    public init(kind: FileKind, size: UInt64) {
        self.kind = kind
        self.size = size
    }
}

/// Why a file that the user named can't be used.
public enum FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A call failed.
    case failed(Errno)
    /// The file is of a kind that can't be used here.
    case wrongKind(FileKind)
    /// A FIFO without a process at its other end.
    case noPartner(isReader: Bool)

    /// The reason as text.
    public var description: String {
        switch self {
        case .failed(let errno): errno.explained
        case .wrongKind(let kind): "this is \(kind); give a regular file"
        case .noPartner(let isReader):
            isReader
                ? "this is a FIFO that nobody reads; start its reader first, or give a regular file"
                : "this is a FIFO that nobody writes to; start its writer first, or give a regular file"
        }
    }
}

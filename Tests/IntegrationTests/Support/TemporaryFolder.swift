// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem

/// A folder that any user may use. It is deleted with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = "/tmp/martlet-integration-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, text.utf8) }

    /// A file of `size` bytes; the bytes after `start` are zero and take no space.
    func file(_ name: String, _ start: some Sequence<UInt8>, size: off_t) throws -> String {
        let file = try file(name, start)
        let descriptor = try Descriptor(file, O_RDWR)
        let result = clinux_ftruncate(descriptor.rawValue, size)
        if result < 0 { throw Errno(rawValue: -result) }
        return file
    }
}

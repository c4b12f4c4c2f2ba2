// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import LinuxSystem

@testable import Virtio

/// A drive on a file of the real file system, which goes with it.
final class TemporaryDrive: Sendable {
    let path: String
    let file: DriveFile

    init(path: String, file: DriveFile) {
        self.path = path
        self.file = file
    }

    var content: [UInt8] { FileManager.default.contents(atPath: path).map { Array($0) } ?? [] }
    /// In bytes, as far as the file system has given it space.
    var allocated: Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_blocks) * 512 : -1
    }

    deinit {
        file.close()
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// A path that nothing has, in the folder for temporary files.
func temporaryPath() -> String { NSTemporaryDirectory() + "martlet-drive-\(UUID().uuidString)" }

/// A drive whose sector N is full of the byte N + 1.
func temporaryDrive(
    sectors: Int, isReadOnly: Bool = false, system: any SystemCalls = LinuxKernel()
) throws -> TemporaryDrive {
    let path = temporaryPath()
    let content = (0..<sectors).flatMap { [UInt8](repeating: UInt8(truncatingIfNeeded: $0 + 1), count: 512) }
    try Data(content).write(to: URL(fileURLWithPath: path))
    return TemporaryDrive(
        path: path,
        file: try DriveFile(path, key: "drives[0].path_on_host", isReadOnly: isReadOnly, system: system))
}

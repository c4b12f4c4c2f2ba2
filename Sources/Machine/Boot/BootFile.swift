// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A file that is loaded into guest memory, read at given positions.
final class BootFile: Sendable {
    /// The JSON path of the key that names it, for error texts.
    let key: String
    let path: String
    /// Its length in bytes.
    let size: UInt64
    private let file: RegularFile

    /// - Throws: `MachineError.file`, `.fileKind`.
    init(key: String, path: String, system: any SystemCalls) throws(MachineError) {
        self.key = key
        self.path = path
        do { file = try RegularFile(path, of: system) } catch {
            switch error {
            case .failed(let errno): throw .file(key: key, path: path, errno: errno)
            case .wrongKind, .noPartner: throw .fileKind(key: key, path: path, error)
            }
        }
        size = file.size
    }

    /// Fills `target` from `offset`; returns how many bytes were read.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MachineError) -> Int {
        do { return try file.read(into: target, at: offset) } catch {
            throw .file(key: key, path: path, errno: error)
        }
    }

    /// Closes it now. A second call does nothing.
    func close() { file.close() }

    /// The first `count` bytes, or fewer if the file is shorter.
    func prefix(_ count: Int) throws(MachineError) -> [UInt8] {
        do { return try file.prefix(count) } catch { throw .file(key: key, path: path, errno: error) }
    }
}

/// The open files from which a guest boots. A restarted guest boots from the same files, even if their paths name other
/// files by then.
struct BootFiles: Sendable {
    let kernel: BootFile
    /// Nil without an initrd.
    let initrd: BootFile?

    /// - Throws: `MachineError.file`, `.fileKind`.
    init(kernel: String, initrd: String?, system: any SystemCalls) throws(MachineError) {
        self.kernel = try BootFile(key: "boot-source.kernel_image_path", path: kernel, system: system)
        self.initrd = try initrd.map { (path) throws(MachineError) in
            try BootFile(key: "boot-source.initrd_path", path: path, system: system)
        }
    }

    /// Closes them, newest first. A second call does nothing.
    func close() {
        initrd?.close()
        kernel.close()
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A file that goes into guest memory, read at positions of the caller's choice.
final class BootFile: Sendable {
    /// The JSON path of the key that names it, for error texts.
    let key: String
    let path: String
    /// Its length in bytes.
    let size: UInt64
    private let descriptor: OwnedDescriptor
    private let system: any SystemCalls

    /// - Throws: `MachineError.file`; EISDIR and the like for what is no regular file.
    init(key: String, path: String, system: any SystemCalls) throws(MachineError) {
        self.key = key
        self.path = path
        self.system = system
        func named<Result>(_ body: () throws(Errno) -> Result) throws(MachineError) -> Result {
            do { return try body() } catch { throw .file(key: key, path: path, errno: error) }
        }
        let descriptor = OwnedDescriptor(
            adopting: try named { () throws(Errno) in try system.open(path, .readOnly) }, of: system)
        let raw = descriptor.rawValue
        size = try named { () throws(Errno) in try system.regularFileSize(raw) }
        self.descriptor = descriptor
    }

    /// Fills `target` from `offset`; returns how many bytes there were.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MachineError) -> Int {
        var done = 0
        while done < target.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            let count: Int
            do { count = try system.pread(descriptor.rawValue, rest, at: offset + UInt64(done)) } catch {
                throw .file(key: key, path: path, errno: error)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// The first `count` bytes, or fewer when the file is shorter.
    func prefix(_ count: Int) throws(MachineError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var result: Result<Int, MachineError> = .success(0)
        // Safety: the buffer is valid for the closure, and read stays inside it.
        bytes.withUnsafeMutableBytes { buffer in
            do throws(MachineError) { result = .success(try read(into: buffer, at: 0)) } catch {
                result = .failure(error)
            }
        }
        return Array(bytes.prefix(try result.get()))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A regular file that the user named, open for reading.
///
/// Any other kind is refused without waiting for it.
public struct RegularFile: ~Copyable, Sendable {
    /// The size in bytes at the time of opening.
    public let size: UInt64
    private let descriptor: OwnedDescriptor
    private let system: any SystemCalls

    /// - Throws: `FileError.failed`, `.wrongKind`.
    public init(_ path: String, of system: any SystemCalls) throws(FileError) {
        let raw: CInt
        do { raw = try system.openWithoutWaiting(path) } catch { throw FileError.opening(path, error, of: system) }
        let file = OwnedDescriptor(adopting: raw, of: system, isFile: true)
        let status: FileStatus
        do { status = try system.fileStatus(raw) } catch { throw .failed(error) }
        guard status.kind == .regular else { throw .wrongKind(status.kind) }
        descriptor = file
        size = status.size
        self.system = system
    }

    /// Closes it now. Call it after the last read. A second call does nothing.
    public func close() { descriptor.close() }

    /// Fills `target` from `offset`; returns how many bytes were read.
    public func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        var done = 0
        while done < target.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            let count = try system.pread(descriptor.rawValue, rest, at: offset + UInt64(done))
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// The first bytes of the file, at most `count`.
    public func prefix(_ count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var result: Result<Int, Errno> = .success(0)
        // Safety: the buffer is valid for the closure, and read stays inside it.
        bytes.withUnsafeMutableBytes { buffer in
            do throws(Errno) { result = .success(try read(into: buffer, at: 0)) } catch { result = .failure(error) }
        }
        bytes.removeLast(count - (try result.get()))
        return bytes
    }

    /// The whole content.
    /// - Throws: `FileError.failed` with EFBIG over `limit` bytes, `.wrongKind`.
    public static func content(
        _ path: String, limit: Int, of system: any SystemCalls
    ) throws(FileError) -> [UInt8] {
        let file = try RegularFile(path, of: system)
        guard file.size <= UInt64(limit) else { throw .failed(.fileTooLarge) }
        do { return try file.prefix(Int(file.size)) } catch { throw .failed(error) }
    }
}

extension FileError {
    /// Why `path` couldn't be opened: for a socket, open(2) gives only ENXIO.
    static func opening(_ path: String, _ errno: Errno, of system: any SystemCalls) -> FileError {
        guard errno == .noSuchAddressOrDevice, let kind = try? system.fileKind(path), kind == .socket else {
            return .failed(errno)
        }
        return .wrongKind(kind)
    }
}

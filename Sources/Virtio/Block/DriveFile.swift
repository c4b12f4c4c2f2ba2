// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The file or block device of a drive, open and locked.
///
/// A restarted guest uses the same file, even if its path names another by then.
///
/// Ownership: immutable except for its counter, which is atomic; any thread may read and write. Its owner closes it
/// when no queue's thread is left.
public final class DriveFile: Sendable {
    /// Its path in the configuration.
    public let path: String
    /// Whether the guest can only read it.
    public let isReadOnly: Bool
    /// Its size in bytes at the time of opening.
    public var size: UInt64 { geometry.sectorCount * DriveGeometry.sectorSize }
    let geometry: DriveGeometry
    let counter = DriveCounter()
    private let isBlockDevice: Bool
    private let descriptor: OwnedDescriptor
    private let system: any SystemCalls

    /// Opens and locks the file.
    ///
    /// The lock is shared for a guest that only reads; otherwise it is exclusive.
    /// - Parameter key: the JSON path of the key that names it, for error texts.
    /// - Throws: `DriveError`.
    public init(_ path: String, key: String, isReadOnly: Bool, system: any SystemCalls) throws(DriveError) {
        let raw: CInt
        do { raw = try system.openDrive(path, isReadOnly: isReadOnly) } catch {
            throw Self.openError(error, key: key, path: path, isReadOnly: isReadOnly, system: system)
        }
        let file = OwnedDescriptor(adopting: raw, of: system, isFile: true)
        func failed(_ call: String) -> (Errno) -> DriveError { { .call(call, key: key, path: path, errno: $0) } }
        let status = try mapError(failed("fstat"), try system.fileStatus(raw))
        switch status.kind {
        case .regular:
            try Self.check(status.size, key, path)
            geometry = DriveGeometry(sectorCount: status.size / DriveGeometry.sectorSize)
        case .blockDevice:
            let device = try mapError(failed("ioctl(BLKGETSIZE64)"), try system.blockGeometry(of: raw))
            try Self.check(device.size, key, path)
            if device.isReadOnly, !isReadOnly {
                throw .readOnly(key: key, path: path, errno: .readOnlyFileSystem)
            }
            geometry = DriveGeometry(device)
        default: throw .kind(status.kind, key: key, path: path)
        }
        do { try system.lockFile(raw, isExclusive: !isReadOnly) } catch {
            switch error {
            case .resourceTemporarilyUnavailable, .permissionDenied:
                throw .locked(key: key, path: path, isReadOnly: isReadOnly)
            default: throw .call("fcntl(F_OFD_SETLK)", key: key, path: path, errno: error)
            }
        }
        self.path = path
        self.isReadOnly = isReadOnly
        isBlockDevice = status.kind == .blockDevice
        descriptor = file
        self.system = system
    }

    private static func openError(
        _ errno: Errno, key: String, path: String, isReadOnly: Bool, system: any SystemCalls
    ) -> DriveError {
        switch errno {
        case .permissionDenied, .notPermitted, .readOnlyFileSystem, .textFileBusy:
            return isReadOnly
                ? .call("open", key: key, path: path, errno: errno) : .readOnly(key: key, path: path, errno: errno)
        // For a directory opened for writing, and for a socket, open(2) gives only these errors.
        case .isDirectory, .noSuchAddressOrDevice:
            if let kind = try? system.fileKind(path), kind == .directory || kind == .socket {
                return .kind(kind, key: key, path: path)
            }
            return .call("open", key: key, path: path, errno: errno)
        default: return .call("open", key: key, path: path, errno: errno)
        }
    }

    private static func check(_ size: UInt64, _ key: String, _ path: String) throws(DriveError) {
        guard size > 0, size.isMultiple(of: DriveGeometry.sectorSize) else { throw .size(size, key: key, path: path) }
    }

    /// Closes it now, which releases the lock. A second call does nothing.
    public func close() { descriptor.close() }

    /// The counts of the guest's requests so far.
    public var counts: DriveCounts { counter.counts }

    // MARK: Requests

    /// Fills all of `segments`, and changes them meanwhile.
    /// - Throws: the errors of preadv2(2); EIO when the file has become too short.
    func read(into segments: UnsafeMutableBufferPointer<MemorySegment>, at offset: UInt64) throws(Errno) {
        try transfer(segments, at: offset) { (rest, position) throws(Errno) in
            try system.read(descriptor.rawValue, into: rest, at: position)
        }
    }

    /// Writes all of `segments`, and changes them meanwhile.
    /// - Throws: the errors of pwritev2(2): ENOSPC, EIO.
    func write(from segments: UnsafeMutableBufferPointer<MemorySegment>, at offset: UInt64) throws(Errno) {
        try transfer(segments, at: offset) { (rest, position) throws(Errno) in
            try system.write(descriptor.rawValue, from: rest, at: position)
        }
    }

    /// The kernel's limit of segments in one call (IOV_MAX, include/uapi/linux/uio.h).
    private static let segmentLimit = 1024

    /// Repeats the call until everything is transferred: the kernel may transfer only a part.
    private func transfer(
        _ segments: UnsafeMutableBufferPointer<MemorySegment>, at offset: UInt64,
        _ call: (UnsafeBufferPointer<MemorySegment>, UInt64) throws(Errno) -> Int
    ) throws(Errno) {
        var (first, position) = (0, offset)
        while first < segments.count {
            let last = min(segments.count, first + Self.segmentLimit)
            // Safety: the range is within the buffer.
            let rest = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(segments)[first..<last])
            var done = try call(rest, position)
            guard done > 0 else { throw .ioError }
            position += UInt64(done)
            while done > 0, first < segments.count {
                let count = segments[first].count
                if count <= done {
                    first += 1
                } else {
                    segments[first] = MemorySegment(
                        address: segments[first].address &+ UInt(done), count: count - done)
                }
                done -= min(done, count)
            }
        }
    }

    /// Writes all data to the disk.
    func flush() throws(Errno) { try system.synchronizeData(descriptor.rawValue) }

    /// Frees the space of a part, if the file system or the device supports it.
    func discard(_ part: BlockRequest.Part) throws(Errno) {
        if part.count == 0 { return }
        do throws(Errno) {
            if isBlockDevice {
                try system.discardBlocks(descriptor.rawValue, at: part.offset, count: part.count)
            } else {
                try system.punchHole(descriptor.rawValue, at: part.offset, count: part.count)
            }
        } catch .notSupported {
            // Only a hint, so it needn't be supported.
        }
    }

    /// Makes a part read as zeroes, in the fastest supported way.
    func writeZeroes(_ part: BlockRequest.Part) throws(Errno) {
        if part.count == 0 { return }
        if isBlockDevice { return try system.zeroBlocks(descriptor.rawValue, at: part.offset, count: part.count) }
        if part.mayUnmap {
            do throws(Errno) {
                return try system.punchHole(descriptor.rawValue, at: part.offset, count: part.count)
            } catch .notSupported {}
        }
        do throws(Errno) {
            return try system.zeroRange(descriptor.rawValue, at: part.offset, count: part.count)
        } catch .notSupported {}
        try writeZeroesByHand(part)
    }

    /// For file systems that don't support ranges of zeroes, such as tmpfs.
    private func writeZeroesByHand(_ part: BlockRequest.Part) throws(Errno) {
        let zeroes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 4096)
        // Safety: only the calls below use the buffer.
        defer { zeroes.deallocate() }
        zeroes.initializeMemory(as: UInt8.self, repeating: 0)
        var (offset, left) = (part.offset, part.count)
        while left > 0 {
            let count = min(left, UInt64(zeroes.count))
            var segment = MemorySegment(address: UInt(bitPattern: zeroes.baseAddress), count: Int(count))
            var failure: Errno?
            // Safety: the segment is valid for the closure, and its memory is the buffer's.
            withUnsafeMutablePointer(to: &segment) { pointer in
                let segments = UnsafeMutableBufferPointer(start: pointer, count: 1)
                do throws(Errno) { try write(from: segments, at: offset) } catch { failure = error }
            }
            if let failure { throw failure }
            offset += count
            left -= count
        }
    }
}

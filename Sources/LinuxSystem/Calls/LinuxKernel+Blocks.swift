// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func openDrive(_ path: String, isReadOnly: Bool) throws(Errno) -> CInt {
        try open(path, CInt((isReadOnly ? CLINUX_OPEN_READ : CLINUX_OPEN_READ_WRITE) | CLINUX_OPEN_NONBLOCKING))
    }

    public func lockFile(_ descriptor: CInt, isExclusive: Bool) throws(Errno) {
        try retrying { clinux_lock_whole_file(descriptor, isExclusive) }
    }

    public func blockGeometry(of descriptor: CInt) throws(Errno) -> BlockGeometry {
        var (size, logical, physical, isReadOnly): (UInt64, UInt32, UInt32, CInt) = (0, 0, 0, 0)
        try retrying { clinux_block_geometry(descriptor, &size, &logical, &physical, &isReadOnly) }
        return BlockGeometry(
            size: size, logicalBlockSize: logical, physicalBlockSize: physical, isReadOnly: isReadOnly != 0)
    }

    public func read(
        _ descriptor: CInt, into segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int {
        guard let base = segments.baseAddress else { return 0 }
        guard let position = off_t(exactly: offset) else { throw .invalidArgument }
        // Safety: the kernel checks the addresses in the segments itself.
        return try retrying { clinux_preadv(descriptor, base, CInt(clamping: segments.count), position) }
    }

    public func write(
        _ descriptor: CInt, from segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int {
        guard let base = segments.baseAddress else { return 0 }
        guard let position = off_t(exactly: offset) else { throw .invalidArgument }
        // Safety: the kernel checks the addresses in the segments itself.
        return try retrying { clinux_pwritev(descriptor, base, CInt(clamping: segments.count), position) }
    }

    public func synchronizeData(_ descriptor: CInt) throws(Errno) {
        try retrying { clinux_synchronize_data(descriptor) }
    }

    public func punchHole(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        guard let position = off_t(exactly: offset), let length = off_t(exactly: count) else { throw .invalidArgument }
        try retrying { clinux_punch_hole(descriptor, position, length) }
    }

    public func zeroRange(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        guard let position = off_t(exactly: offset), let length = off_t(exactly: count) else { throw .invalidArgument }
        try retrying { clinux_zero_range(descriptor, position, length) }
    }

    public func discardBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        try retrying { clinux_block_discard(descriptor, offset, count) }
    }

    public func zeroBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        try retrying { clinux_block_zero(descriptor, offset, count) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A range of memory that a call reads or writes, laid out like the kernel's `struct iovec` (readv(2)).
public struct MemorySegment: Equatable, Sendable {
    /// Its first address in this process.
    public var address: UInt
    /// Its length in bytes.
    public var count: Int

    /// The range of `count` bytes from `address` on.
    @inlinable
    public init(address: UInt, count: Int) {
        self.address = address
        self.count = count
    }
}

/// The sizes that a block device reports.
public struct BlockGeometry: Equatable, Sendable {
    /// Its size in bytes.
    public var size: UInt64
    /// The unit of reads and writes, in bytes.
    public var logicalBlockSize: UInt32
    /// The smallest unit that its hardware writes without reading first, in bytes.
    public var physicalBlockSize: UInt32
    /// Whether it is read-only.
    public var isReadOnly: Bool

    /// Combines the parts.
    public init(size: UInt64, logicalBlockSize: UInt32, physicalBlockSize: UInt32, isReadOnly: Bool) {
        self.size = size
        self.logicalBlockSize = logicalBlockSize
        self.physicalBlockSize = physicalBlockSize
        self.isReadOnly = isReadOnly
    }
}

/// The calls for the files and block devices of a guest's drives.
///
/// The user has named the files, and the memory is the guest's: EBADF and EFAULT may come from there, and are thrown
/// like all other errors.
public protocol BlockCalls: Sendable {
    /// Opens a file without waiting for the other end of a FIFO.
    func openDrive(_ path: String, isReadOnly: Bool) throws(Errno) -> CInt
    /// Locks the whole file, until all descriptors of this open file description are closed (fcntl(2), F_OFD_SETLK).
    /// - Parameter isExclusive: whether no other lock is allowed; otherwise only an exclusive one is excluded.
    /// - Throws: EAGAIN or EACCES if another open file description has a lock that excludes it.
    func lockFile(_ descriptor: CInt, isExclusive: Bool) throws(Errno)
    /// The sizes of a block device (BLKGETSIZE64, BLKSSZGET, BLKPBSZGET, BLKROGET).
    func blockGeometry(of descriptor: CInt) throws(Errno) -> BlockGeometry

    /// Reads at a file position into `segments`, one after the other, at most 1024 of them (preadv2(2)); returns how
    /// many bytes were read.
    func read(
        _ descriptor: CInt, into segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int
    /// Writes `segments` at a file position, at most 1024 of them (pwritev2(2)); returns how many bytes were written.
    func write(
        _ descriptor: CInt, from segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int
    /// Waits until the written data is on the disk (fdatasync(2)).
    func synchronizeData(_ descriptor: CInt) throws(Errno)

    /// Frees the space of a part of a regular file, which then reads as zeroes (fallocate(2), FALLOC_FL_PUNCH_HOLE).
    /// - Throws: EOPNOTSUPP when the file system doesn't support it.
    func punchHole(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
    /// Makes a part of a regular file read as zeroes, and keeps its space (fallocate(2), FALLOC_FL_ZERO_RANGE).
    /// - Throws: EOPNOTSUPP when the file system doesn't support it.
    func zeroRange(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
    /// Tells a block device that the data of a part isn't needed (BLKDISCARD).
    /// - Throws: EOPNOTSUPP when the device doesn't support it.
    func discardBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
    /// Makes a part of a block device read as zeroes (BLKZEROOUT).
    func zeroBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
}

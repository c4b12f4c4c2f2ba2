// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A piece of memory that a call reads or writes, laid out as the kernel's `struct iovec` (readv(2)).
public struct MemorySegment: Equatable, Sendable {
    /// Where it begins in this process.
    public var address: UInt
    /// Its length in bytes.
    public var count: Int

    /// The piece of `count` bytes from `address` on.
    @inlinable
    public init(address: UInt, count: Int) {
        self.address = address
        self.count = count
    }
}

/// What a block device says of itself.
public struct BlockGeometry: Equatable, Sendable {
    /// Its size in bytes.
    public var size: UInt64
    /// The unit that it is read and written in, in bytes.
    public var logicalBlockSize: UInt32
    /// The unit that its hardware writes without reading first, in bytes.
    public var physicalBlockSize: UInt32
    /// Whether it can't be written to.
    public var isReadOnly: Bool

    /// Puts the parts together.
    public init(size: UInt64, logicalBlockSize: UInt32, physicalBlockSize: UInt32, isReadOnly: Bool) {
        self.size = size
        self.logicalBlockSize = logicalBlockSize
        self.physicalBlockSize = physicalBlockSize
        self.isReadOnly = isReadOnly
    }
}

/// The calls for the files and block devices that are a guest's drives.
///
/// The user has named the files, and the memory is the guest's: EBADF and EFAULT may come from there, and are thrown
/// like all others.
public protocol BlockCalls: Sendable {
    /// Opens a file without waiting for whoever is at the other end of a FIFO.
    func openDrive(_ path: String, isReadOnly: Bool) throws(Errno) -> CInt
    /// Takes the lock of the whole file, until all descriptors of this opening are closed (fcntl(2), F_OFD_SETLK).
    /// - Parameter isExclusive: nobody else may have a lock; otherwise nobody else may have an exclusive one.
    /// - Throws: EAGAIN or EACCES if another opening has the lock.
    func lockFile(_ descriptor: CInt, isExclusive: Bool) throws(Errno)
    /// What a block device says of itself (BLKGETSIZE64, BLKSSZGET, BLKPBSZGET, BLKROGET).
    func blockGeometry(of descriptor: CInt) throws(Errno) -> BlockGeometry

    /// Reads at a file position into `segments`, one behind the other, at most 1024 of them (preadv2(2)); returns how
    /// many bytes came.
    func read(
        _ descriptor: CInt, into segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int
    /// Writes `segments` at a file position, at most 1024 of them (pwritev2(2)); returns how many bytes went.
    func write(
        _ descriptor: CInt, from segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int
    /// Waits until what was written is on the disk (fdatasync(2)).
    func synchronizeData(_ descriptor: CInt) throws(Errno)

    /// Gives the space of a part of a regular file back; it reads as zeroes (fallocate(2), FALLOC_FL_PUNCH_HOLE).
    /// - Throws: EOPNOTSUPP where the file system can't.
    func punchHole(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
    /// Makes a part of a regular file read as zeroes, with its space kept (fallocate(2), FALLOC_FL_ZERO_RANGE).
    /// - Throws: EOPNOTSUPP where the file system can't.
    func zeroRange(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
    /// Tells a block device that a part of it isn't needed (BLKDISCARD).
    /// - Throws: EOPNOTSUPP where the device can't.
    func discardBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
    /// Makes a part of a block device read as zeroes (BLKZEROOUT).
    func zeroBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno)
}

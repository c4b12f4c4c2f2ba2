// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for memory that is shared with the guest and with devices.
///
/// What is mapped may be a driver's, and where memory goes depends on the host: EBADF and EFAULT may come from there,
/// and are thrown like all others.
public protocol MemoryCalls: Sendable {
    /// A memfd of `size` bytes, empty and unallocated.
    /// - Parameter hugePageSize: it is made of huge pages of this many bytes; nil for ordinary ones. ENODEV or EINVAL
    ///   where the kernel doesn't have such pages.
    func createMemory(name: String, size: UInt64, hugePageSize: UInt64?) throws(Errno) -> CInt
    /// `size` bytes of the heap below /dev/dma_heap that is open as `heap`: a descriptor of their own.
    func allocateMemory(ofHeap heap: CInt, size: UInt64) throws(Errno) -> CInt
    /// A shared, readable and writable mapping of `descriptor` from `offset`; returns its address.
    func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt
    /// A mapping of several parts of `descriptor` one behind the other, with all of its pages there at once.
    /// - Parameters:
    ///   - alignment: in bytes, a power of two; the address has the remainder by it that `remainder` says.
    func mapShared(
        _ descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64
    ) throws(Errno) -> UInt
    /// Keeps the pages of mapped memory where they are, until `unpin` gets what this returns.
    func pin(address: UInt, size: UInt64) throws(Errno) -> CInt
    /// Lets the pages go that `pin` has kept.
    func unpin(_ pin: CInt)
    /// Unmaps memory that was mapped.
    func unmap(address: UInt, size: UInt64)
    /// Asks for transparent huge pages; a kernel without them may refuse.
    func adviseHugePages(address: UInt, size: UInt64) throws(Errno)
    /// Leaves mapped memory out of core dumps (MADV_DONTDUMP).
    func excludeFromCoreDumps(address: UInt, size: UInt64) throws(Errno)
}

extension MemoryCalls {
    /// A memfd of `size` bytes of ordinary pages, empty and unallocated.
    public func createMemory(name: String, size: UInt64) throws(Errno) -> CInt {
        try createMemory(name: name, size: size, hugePageSize: nil)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for memory that is shared with the guest and with devices.
///
/// A driver may own the mapped memory, and the addresses depend on the host: EBADF and EFAULT may come from there, and
/// are thrown like all other errors.
public protocol MemoryCalls: Sendable {
    /// A memfd of `size` bytes, empty and unallocated.
    /// - Parameter hugePageSize: the size of its huge pages in bytes; nil for ordinary pages. ENODEV or EINVAL when the
    ///   kernel doesn't have such pages.
    func createMemory(name: String, size: UInt64, hugePageSize: UInt64?) throws(Errno) -> CInt
    /// Allocates `size` bytes from a heap of /dev/dma_heap, which is open as `heap`; returns a new descriptor.
    func allocateMemory(ofHeap heap: CInt, size: UInt64) throws(Errno) -> CInt
    /// A shared, readable and writable mapping of `descriptor` from `offset`; returns its address.
    func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt
    /// Maps several parts of `descriptor` one behind the other, and populates all pages at once.
    /// - Parameters:
    ///   - alignment: in bytes, a power of two; the address modulo it equals `remainder`.
    func mapShared(
        _ descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64
    ) throws(Errno) -> UInt
    /// Pins the pages of mapped memory; pass the result to `unpin`.
    func pin(address: UInt, size: UInt64) throws(Errno) -> CInt
    /// Unpins the pages that `pin` has pinned.
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A shared mapping of a descriptor into this process (mmap(2)).
///
/// It is unmapped when its last user releases it.
///
/// A class, because a memory slot, a DMA mapping and the loader share one: each keeps it alive for as long as it uses
/// it.
public final class MemoryMapping: Sendable {
    /// Its address in this process (HVA).
    public let address: UInt
    /// Its length in bytes.
    public let size: UInt64
    private let system: any SystemCalls

    /// The unit of mappings and memory slots in bytes: 4096 unless the host's kernel was built for larger pages.
    public static var pageSize: UInt64 { LinuxKernel.pageSize }

    /// Maps `size` bytes of `descriptor` from `offset`, readable and writable.
    /// - Throws: the errors of mmap(2).
    public init(
        of descriptor: CInt, offset: UInt64 = 0, size: UInt64, system: any SystemCalls
    ) throws(Errno) {
        address = try system.mapShared(descriptor, offset: offset, size: size)
        self.size = size
        self.system = system
    }

    /// Maps parts of `descriptor` one behind the other, and populates all pages at once.
    /// - Parameters:
    ///   - alignment: in bytes, a power of two; the address modulo it equals `remainder`.
    /// - Throws: the errors of mmap(2).
    public init(
        of descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64 = 0, system: any SystemCalls
    ) throws(Errno) {
        address = try system.mapShared(descriptor, parts: parts, alignment: alignment, remainder: remainder)
        // No overflow: the kernel has mapped this many bytes.
        size = parts.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
        self.system = system
    }

    /// Asks for transparent huge pages, which save faults; a host without them is no error.
    public func preferHugePages() {
        do { try system.adviseHugePages(address: address, size: size) } catch {}
    }

    /// Leaves the memory out of core dumps of this process.
    /// - Throws: the errors of madvise(2).
    public func excludeFromCoreDumps() throws(Errno) { try system.excludeFromCoreDumps(address: address, size: size) }

    /// The bytes from `offset`; nil when some of them are outside.
    public func bytes(at offset: UInt64, count: UInt64) -> UnsafeMutableRawBufferPointer? {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= size else { return nil }
        // Safety: the range was checked; the caller keeps the mapping alive while it uses the bytes.
        return UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: address + UInt(offset)), count: Int(count))
    }

    deinit { system.unmap(address: address, size: size) }
}

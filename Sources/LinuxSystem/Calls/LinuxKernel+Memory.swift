// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    /// The page size in bytes. Not a call to the kernel: the kernel gives it to each process at its start.
    static var pageSize: UInt64 { UInt64(max(clinux_page_size(), 4096)) }

    public func createMemory(name: String, size: UInt64, hugePageSize: UInt64?) throws(Errno) -> CInt {
        guard hugePageSize?.nonzeroBitCount ?? 1 == 1 else { throw .invalidArgument }
        let descriptor = try retrying {
            hugePageSize.map { clinux_memfd_create_huge(name, UInt32($0.trailingZeroBitCount)) }
                ?? clinux_memfd_create(name)
        }
        do throws(Errno) {
            try setSize(descriptor, size)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    public func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt {
        guard let position = off_t(exactly: offset), let length = Int(exactly: size) else { throw .invalidArgument }
        return try map(
            at: nil, size: length, protection: CLINUX_MAP_READ_WRITE, flags: CLINUX_MAP_SHARED, descriptor: descriptor,
            offset: position)
    }

    public func allocateMemory(ofHeap heap: CInt, size: UInt64) throws(Errno) -> CInt {
        try retrying { clinux_dma_heap_allocate(heap, size) }
    }

    public func mapShared(
        _ descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64
    ) throws(Errno) -> UInt {
        guard let size = AlignedPlace.size(of: parts),
            let reserved = AlignedPlace.reservation(size: size, alignment: alignment),
            (remainder & (alignment - 1)).isMultiple(of: Self.pageSize)
        else { throw .invalidArgument }
        // Reserve address space that nothing else can take, then map the parts over it.
        let raw = try map(
            at: nil, size: Int(reserved), protection: CLINUX_MAP_NO_ACCESS, flags: CLINUX_MAP_RESERVATION,
            descriptor: -1,
            offset: 0)
        let place = AlignedPlace(inReservationAt: raw, alignment: alignment, remainder: remainder)
        let base = place.base
        unmap(address: raw, size: place.before)
        unmap(address: base + UInt(size), size: place.behind)
        var next = base
        do throws(Errno) {
            for part in parts where !part.isEmpty {
                guard let offset = off_t(exactly: part.lowerBound) else { throw .invalidArgument }
                // Safety: the target lies in the reservation, which no other code uses.
                _ = try map(
                    at: UnsafeMutableRawPointer(bitPattern: next), size: Int(part.upperBound - part.lowerBound),
                    protection: CLINUX_MAP_READ_WRITE, flags: CLINUX_MAP_OVER, descriptor: descriptor, offset: offset)
                next += UInt(part.upperBound - part.lowerBound)
            }
        } catch {
            unmap(address: base, size: size)
            throw error
        }
        return base
    }

    public func pin(address: UInt, size: UInt64) throws(Errno) -> CInt {
        try retrying { clinux_pin(UInt64(address), size) }
    }

    public func unpin(_ pin: CInt) {
        _ = clinux_unpin(pin)
        close(pin)
    }

    public func unmap(address: UInt, size: UInt64) {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { return }
        // Safety: a mapping's one owner calls it with an address from mmap, or a part of it. The kernel unmaps nothing
        // for size 0.
        _ = clinux_munmap(pointer, Int(size))
    }

    public func adviseHugePages(address: UInt, size: UInt64) throws(Errno) {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { throw .invalidArgument }
        try retrying { clinux_advise_huge_pages(pointer, Int(size)) }
    }

    public func excludeFromCoreDumps(address: UInt, size: UInt64) throws(Errno) {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { throw .invalidArgument }
        try retrying { clinux_exclude_from_core_dumps(pointer, Int(size)) }
    }

    private func map(
        at address: UnsafeMutableRawPointer?, size: Int, protection: Int, flags: Int, descriptor: CInt,
        offset: off_t
    ) throws(Errno) -> UInt {
        try mappedAddress(clinux_mmap(address, size, CInt(protection), CInt(flags), descriptor, offset))
    }

    /// The address that mmap(2) returned, which may have its highest bit set; throws the errno for -4095 to -1.
    func mappedAddress(_ result: Int) throws(Errno) -> UInt {
        if (-4095 ... -1).contains(result) { throw Errno(rawValue: CInt(-result)) }
        return UInt(bitPattern: result)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// The calls for memory whose place in the host's memory matters.
extension LinuxKernel {
    public func allocateMemory(ofHeap heap: CInt, size: UInt64) throws(Errno) -> CInt {
        try retrying { clinux_dma_heap_allocate(heap, size) }
    }

    public func mapShared(
        _ descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64
    ) throws(Errno) -> UInt {
        guard let size = AlignedPlace.size(of: parts),
            let reserved = AlignedPlace.reservation(size: size, alignment: alignment),
            (remainder & (alignment - 1)).isMultiple(of: MemoryMapping.pageSize)
        else { throw .invalidArgument }
        // Address space that nothing else can take, and then the parts over it.
        let raw = try mappedAddress(
            clinux_mmap(nil, Int(reserved), CInt(CLINUX_MAP_NO_ACCESS), CInt(CLINUX_MAP_RESERVATION), -1, 0))
        let place = AlignedPlace(inReservationAt: raw, alignment: alignment, remainder: remainder)
        let base = place.base
        unmap(address: raw, size: place.before)
        unmap(address: base + UInt(size), size: place.behind)
        var next = base
        do throws(Errno) {
            for part in parts where !part.isEmpty {
                guard let offset = off_t(exactly: part.lowerBound) else { throw .invalidArgument }
                // Safety: the target lies in the reservation, which nobody else knows of.
                _ = try mappedAddress(
                    clinux_mmap(
                        UnsafeMutableRawPointer(bitPattern: next), Int(part.upperBound - part.lowerBound),
                        CInt(CLINUX_MAP_READ_WRITE), CInt(CLINUX_MAP_OVER), descriptor, offset))
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
}

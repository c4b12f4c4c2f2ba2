// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices

/// What an address space of the IOMMU can map, as VFIO reports it after devices were added.
public struct IOVALimits: Equatable, Sendable {
    /// The addresses that can be mapped, ascending; nil when the kernel doesn't report them.
    public var usable: [IOVARange]?
    /// How many more mappings are allowed; nil for any number.
    public var mappingsLeft: Int?

    /// Combines the two.
    public init(usable: [IOVARange]? = nil, mappingsLeft: Int? = nil) {
        self.usable = usable
        self.mappingsLeft = mappingsLeft
    }

    /// Reads struct vfio_iommu_type1_info and the chain of capabilities after it.
    ///
    /// A capability that is missing gives nil. Reading ends where the chain leads outside the bytes, or backwards.
    /// - SeeAlso: include/uapi/linux/vfio.h, VFIO_IOMMU_GET_INFO
    init(iommuInfo bytes: [UInt8]) {
        func number<Number: FixedWidthInteger>(_ offset: Int, _ type: Number.Type) -> Number? {
            let size = MemoryLayout<Number>.size
            guard offset >= 0, offset <= bytes.count - size else { return nil }
            return bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | Number($1) }
        }
        self.init()
        // VFIO_IOMMU_INFO_CAPS in `flags`; `cap_offset` follows argsz, flags and iova_pgsizes.
        guard let flags = number(4, UInt32.self), flags & 2 != 0, var offset = number(16, UInt32.self).map(Int.init)
        else { return }
        // struct vfio_info_cap_header: id, version, offset of the next header.
        while offset != 0, let id = number(offset, UInt16.self), let next = number(offset + 4, UInt32.self) {
            switch id {
            case 1:  // VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE: a count, a reserved word, then pairs.
                let count = Int(number(offset + 8, UInt32.self) ?? 0)
                var ranges: [IOVARange] = []
                while ranges.count < count, let first = number(offset + 16 + 16 * ranges.count, UInt64.self),
                    let last = number(offset + 24 + 16 * ranges.count, UInt64.self)
                {
                    ranges.append(IOVARange(first: first, last: max(first, last)))
                }
                usable = ranges
            case 3:  // VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL
                mappingsLeft = number(offset + 8, UInt32.self).map(Int.init)
            default: break
            }
            guard next > offset else { return }
            offset = Int(next)
        }
    }

    /// The first part of `wanted` that can't be mapped, up to the next address that can; nil when all of `wanted` can.
    public func gap(in wanted: IOVARange) -> IOVARange? {
        guard let usable else { return nil }
        var next = wanted.first
        for range in usable where range.last >= next {
            if range.first > next { return IOVARange(first: next, last: range.first - 1) }
            if range.last >= wanted.last { return nil }
            next = range.last + 1
        }
        return IOVARange(first: next, last: .max)
    }
}

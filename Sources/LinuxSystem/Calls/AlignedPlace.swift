// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Where memory goes in address space that was reserved for it: the first address whose remainder by the alignment is
/// the one that is wanted, and what is left of the reservation on both sides.
///
/// Arithmetic alone, apart from the calls that it is for, so that tests reach every case: where mmap(2) puts a
/// reservation is the kernel's choice, and differs from host to host.
struct AlignedPlace: Equatable {
    /// The memory's first address.
    let base: UInt
    /// In bytes: what lies before it in the reservation. Less than the alignment.
    let before: UInt64
    /// In bytes: what lies behind it. At least one, and with `before` as much as the alignment.
    let behind: UInt64

    /// What has to be reserved for `size` bytes, in bytes; nil for what no address space has room for, for an alignment
    /// that is no power of two, and for nothing.
    static func reservation(size: UInt64, alignment: UInt64) -> UInt64? {
        guard size > 0, size < 1 << 62, alignment < 1 << 62, alignment.nonzeroBitCount == 1 else { return nil }
        return size + alignment
    }

    /// The sum of the parts' sizes in bytes; nil where it doesn't fit into 64 bits.
    static func size(of parts: [Range<UInt64>]) -> UInt64? {
        var size: UInt64 = 0
        for part in parts {
            let (sum, overflow) = size.addingReportingOverflow(part.upperBound - part.lowerBound)
            if overflow { return nil }
            size = sum
        }
        return size
    }

    /// - Parameters:
    ///   - start: the reservation's first address; it has `reservation(size:alignment:)` bytes.
    ///   - alignment: in bytes, a power of two.
    ///   - remainder: of which only the part below the alignment counts.
    init(inReservationAt start: UInt, alignment: UInt64, remainder: UInt64) {
        let mask = alignment &- 1
        before = (remainder &- UInt64(start)) & mask
        behind = alignment - before
        base = start + UInt(before)
    }
}

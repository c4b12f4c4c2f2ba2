// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Where memory goes inside reserved address space.
///
/// It starts at the first address that has the wanted remainder by the alignment; the rest of the reservation lies
/// before and behind it.
///
/// Arithmetic only, apart from the calls, so that tests reach every case: the kernel chooses where mmap(2) puts a
/// reservation, and the choice differs from host to host.
struct AlignedPlace: Equatable {
    /// The memory's first address.
    let base: UInt
    /// The part of the reservation before the memory, in bytes. Less than the alignment.
    let before: UInt64
    /// The part of the reservation behind the memory, in bytes. At least one; together with `before` as much as the
    /// alignment.
    let behind: UInt64

    /// How many bytes to reserve for `size` bytes.
    ///
    /// Nil for a size that no address space has room for, for a size of 0, and for an alignment that is no power of
    /// two.
    static func reservation(size: UInt64, alignment: UInt64) -> UInt64? {
        guard size > 0, size < 1 << 62, alignment < 1 << 62, alignment.nonzeroBitCount == 1 else { return nil }
        return size + alignment
    }

    /// The sum of the parts' sizes in bytes; nil when it doesn't fit into 64 bits.
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
    ///   - remainder: only the part below the alignment counts.
    init(inReservationAt start: UInt, alignment: UInt64, remainder: UInt64) {
        let mask = alignment &- 1
        before = (remainder &- UInt64(start)) & mask
        behind = alignment - before
        base = start + UInt(before)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// Finds places for parts of the board between those that can't move.
struct BoardGaps {
    /// In no order; they may overlap.
    private var taken: [GuestRange]
    /// The last usable address.
    private let limit: UInt64

    init(taken: [GuestRange], limit: UInt64) {
        self.taken = taken
        self.limit = limit
    }

    /// Takes `size` bytes at `usual`, or at the nearest free place.
    /// - Parameter alignment: a power of two in bytes; `usual` is a multiple of it.
    /// - Throws: `MachineError.noGap`.
    mutating func place(
        _ name: String, _ size: UInt64, alignment: UInt64, near usual: GuestAddress
    ) throws(MachineError) -> GuestRange {
        // The nearest place begins at the usual one, ends just before a taken range, or begins just behind one.
        var candidates = [usual]
        if let range = GuestRange(base: usual, size: size), !isFree(range) {
            for other in taken {
                if let behind = other.last.adding(1)?.aligned(to: alignment) { candidates.append(behind) }
                let (before, underflow) = other.base.rawValue.subtractingReportingOverflow(size)
                if !underflow { candidates.append(GuestAddress(before & ~(alignment - 1))) }
            }
        }
        func distance(_ address: GuestAddress) -> UInt64 {
            address > usual ? address.rawValue - usual.rawValue : usual.rawValue - address.rawValue
        }
        let free = candidates.compactMap { GuestRange(base: $0, size: size) }.filter(isFree)
        guard let range = free.min(by: { distance($0.base) < distance($1.base) }) else {
            throw .noGap(what: name, bytes: size)
        }
        taken.append(range)
        return range
    }

    /// Marks the range of a part that can't move as taken.
    mutating func take(_ range: GuestRange) { taken.append(range) }

    private func isFree(_ range: GuestRange) -> Bool {
        range.last.rawValue <= limit && !taken.contains { $0.overlaps(range) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// Finds places for parts of the board between what is where it is.
struct BoardGaps {
    /// In no order; they may overlap.
    private var taken: [GuestRange]
    /// The last address that there is.
    private let limit: UInt64

    init(taken: [GuestRange], limit: UInt64) {
        self.taken = taken
        self.limit = limit
    }

    /// Takes `size` bytes at `usual`, or at the nearest place that is free.
    /// - Parameter alignment: a power of two in bytes; `usual` is a multiple of it.
    /// - Throws: `MachineError.noGap`.
    mutating func place(
        _ name: String, _ size: UInt64, alignment: UInt64, near usual: GuestAddress
    ) throws(MachineError) -> GuestRange {
        // A place that is as near as can be begins at the usual one, ends before something, or begins behind it.
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

    /// Takes what stays where it is.
    mutating func take(_ range: GuestRange) { taken.append(range) }

    private func isFree(_ range: GuestRange) -> Bool {
        range.last.rawValue <= limit && !taken.contains { $0.overlaps(range) }
    }
}

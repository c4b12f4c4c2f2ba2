// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import VFIO

/// What devices that reach the guest's memory by DMA demand of its place: they see it at its guest-physical addresses,
/// of which the IOMMU can't translate all.
public struct MemoryDemands: Sendable {
    /// Addresses that can't be memory, and why.
    public struct Problem: Equatable, Sendable {
        /// Where.
        public let range: IOVARange
        /// Who keeps them, in words.
        public let reason: String
    }

    /// One of the devices, for errors.
    public let device: String
    /// How many address spaces the memory is mapped in: as often is it counted against what may be locked.
    public var spaceCount: Int { limits.count }
    /// The least number of mappings that one of the spaces still takes; nil for any number.
    public var mappingsLeft: Int? { limits.compactMap(\.mappingsLeft).min() }
    private let limits: [IOVALimits]
    private let reserved: [ReservedRegion]

    /// Puts together what VFIO and sysfs say.
    public init(device: String, limits: [IOVALimits], reserved: [ReservedRegion]) {
        self.device = device
        self.limits = limits
        self.reserved = reserved
    }

    /// The lowest addresses between `first` and `last` that can't be memory; nil when all can.
    public func problem(from first: UInt64, through last: UInt64) -> Problem? {
        let wanted = IOVARange(first: first, last: last)
        var problems = reserved.filter { $0.range.first <= last && first <= $0.range.last }.map { region in
            Problem(range: region.range, reason: "group \(region.group) reserves these addresses (\(region.kind))")
        }
        for limit in limits {
            if let gap = limit.gap(in: wanted) {
                problems.append(Problem(range: gap, reason: "the IOMMU can't map these addresses"))
            }
        }
        // The reserved region comes first where both say the same: it says more.
        return problems.min { $0.range.first < $1.range.first }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import VFIO

/// The requirements on the guest's memory by devices that reach it by DMA.
///
/// They see it at its guest-physical addresses, and the IOMMU can't translate all of these.
public struct MemoryDemands: Sendable {
    /// Addresses that can't be memory, and why.
    public struct Problem: Equatable, Sendable {
        /// The addresses.
        public let range: IOVARange
        /// Who reserves them, as text.
        public let reason: String
    }

    /// One of the devices, for errors.
    public let device: String
    /// How many address spaces the memory is mapped in; it counts once for each against the limit of locked memory.
    public var spaceCount: Int { limits.count }
    /// The smallest number of mappings that one of the spaces still accepts; nil for any number.
    public var mappingsLeft: Int? { limits.compactMap(\.mappingsLeft).min() }
    private let limits: [IOVALimits]
    private let reserved: [ReservedRegion]

    /// Combines the facts of VFIO and sysfs.
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
        // If both start at the same address, the reserved region wins, because its text has more details.
        return problems.min { $0.range.first < $1.range.first }
    }
}

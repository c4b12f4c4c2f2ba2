// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Addresses that the host reserves from the devices of an IOMMU group: a line of its `reserved_regions`.
///
/// - SeeAlso: Documentation/ABI/testing/sysfs-kernel-iommu_groups
public struct ReservedRegion: Equatable, Sendable {
    /// The reserved addresses.
    public let range: IOVARange
    /// What they are for: "direct", "direct-relaxable", "reserved" or "msi".
    public let kind: String
    /// The group's number.
    public let group: Int

    /// Combines the three.
    public init(range: IOVARange, kind: String, group: Int) {
        self.range = range
        self.kind = kind
        self.group = group
    }

    /// Whether nothing else can be mapped there.
    ///
    /// VFIO ignores the relaxable ones (vfio_iommu_type1.c, iommufd/device.c).
    public var isBinding: Bool { kind != "direct-relaxable" }

    /// Reads one line of the file, "0x0000000008000000 0x00000000080fffff msi"; nil for another text.
    init?(line: Substring, group: Int) {
        let words = line.split(separator: " ")
        guard words.count == 3, let first = Self.address(words[0]), let last = Self.address(words[1]), first <= last
        else { return nil }
        self.init(range: IOVARange(first: first, last: last), kind: String(words[2]), group: group)
    }

    private static func address(_ text: Substring) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : nil
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Where the guest sees a device's regions.
public struct DevicePlacement: Equatable, Sendable {
    /// The place of one region.
    public enum Region: Equatable, Sendable {
        /// An allocated place in the platform bus's window, with its natural alignment.
        case automatic
        /// At this guest-physical address in bytes, a multiple of 4096.
        case fixed(UInt64)
        /// At the host's own physical address.
        case host
    }

    /// The places of the first regions, by the region's index.
    public var regions: [Region]
    /// The place of every further region.
    public var others: Region

    /// The first regions are placed by `regions`, all further ones by `others`.
    public init(_ regions: [Region] = [], others: Region = .automatic) {
        self.regions = regions
        self.others = others
    }

    /// Every region gets an allocated address.
    public static var automatic: DevicePlacement { DevicePlacement() }

    /// The first region is at `address`, a guest-physical one in bytes; the others get allocated addresses.
    public static func fixed(_ address: UInt64) -> DevicePlacement { DevicePlacement([.fixed(address)]) }

    /// Every region is at the host's own address.
    public static var host: DevicePlacement { DevicePlacement(others: .host) }
}

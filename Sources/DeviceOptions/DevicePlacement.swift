// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Where the guest sees a device's regions.
public struct DevicePlacement: Equatable, Sendable {
    /// Where one region goes.
    public enum Region: Equatable, Sendable {
        /// Where there is room in the platform bus's window, on its natural alignment.
        case automatic
        /// At this guest-physical address in bytes, a multiple of 4096.
        case fixed(UInt64)
        /// At the host's own physical address.
        case host
    }

    /// By the region's index.
    public var regions: [Region]
    /// For the regions behind those.
    public var others: Region

    /// The first regions where `regions` says, all behind them where `others` says.
    public init(_ regions: [Region] = [], others: Region = .automatic) {
        self.regions = regions
        self.others = others
    }

    /// Every region is allocated.
    public static var automatic: DevicePlacement { DevicePlacement() }

    /// The first region at `address`, a guest-physical one in bytes; the others are allocated.
    public static func fixed(_ address: UInt64) -> DevicePlacement { DevicePlacement([.fixed(address)]) }

    /// Every region at the host's own address.
    public static var host: DevicePlacement { DevicePlacement(others: .host) }
}

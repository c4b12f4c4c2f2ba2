// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension PlatformDevice {
    /// Where the guest sees the device's regions.
    public struct GuestAddress: Equatable, Sendable {
        /// Where one region goes.
        public enum Region: Equatable, Sendable {
            /// In the platform bus's window, allocated on its natural alignment.
            case automatic
            /// At this guest-physical address, a multiple of 4096.
            case fixed(UInt64)
            /// At the host's own physical address.
            case host
        }

        /// By the region's index.
        public var regions: [Region]
        /// For the regions behind those.
        public var others: Region

        public init(_ regions: [Region] = [], others: Region = .automatic) {
            self.regions = regions
            self.others = others
        }

        /// Every region is allocated.
        public static var automatic: GuestAddress { GuestAddress() }

        /// The first region at `address`, the others allocated.
        public static func fixed(_ address: UInt64) -> GuestAddress { GuestAddress([.fixed(address)]) }

        /// Every region at the host's own address.
        public static var host: GuestAddress { GuestAddress(others: .host) }
    }
}

extension PlatformDevice.GuestAddress {
    /// Each region begins a page.
    static let unit: UInt64 = 4096
    /// VFIO has no device with more; a longer list is a mistake.
    static let maximumRegionCount = 64

    /// A region's place, or a list of them by the region's index, in which "auto" stands for an allocated one; nil for
    /// what is neither.
    init?(json: JSONValue) {
        guard case .array(let elements) = json else {
            switch Self.region(json) {
            case .host: self = .host
            case .fixed(let address): self = .fixed(address)
            default: return nil
            }
            return
        }
        guard (1...Self.maximumRegionCount).contains(elements.count) else { return nil }
        var regions: [Region] = []
        for element in elements {
            if case .string("auto") = element.value {
                regions.append(.automatic)
            } else if let region = Self.region(element.value) {
                regions.append(region)
            } else {
                return nil
            }
        }
        self.init(regions)
    }

    private static func region(_ json: JSONValue) -> Region? {
        if case .string("host") = json { return .host }
        return AddressText.address(json, multipleOf: unit).map(Region.fixed)
    }
}

extension Key<PlatformDevice.GuestAddress> {
    static func guestAddress(_ name: String) -> Key {
        Key(
            description: KeyDescription(name: name, shape: .guestAddress), fallback: .automatic,
            value: PlatformDevice.GuestAddress.init(json:))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import DeviceOptions

extension DevicePlacement {
    /// Each region begins at a page.
    package static let unit: UInt64 = 4096
    /// No device of VFIO has more; a longer list is a mistake.
    package static let maximumRegionCount = 64

    /// Reads one region's place, or a list of places by the region's index, in which "auto" means an allocated one; nil
    /// for anything else.
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

extension Key<DevicePlacement> {
    static func placement(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .placement, by: documentation), fallback: .automatic) { json, _ in
            DevicePlacement(json: json)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import VFIO

extension DevicePlacement {
    /// The placement of the region with this index.
    func of(_ index: Int) -> Region { regions.indices.contains(index) ? regions[index] : others }

    /// Regions with a fixed address first, so that an allocated address doesn't take their place.
    func order(of all: [VFIORegion]) -> [VFIORegion] {
        if regions.isEmpty { return all }
        return all.filter { of($0.index) != .automatic } + all.filter { of($0.index) == .automatic }
    }
}

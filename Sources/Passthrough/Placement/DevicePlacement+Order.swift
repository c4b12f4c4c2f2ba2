// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import VFIO

extension DevicePlacement {
    /// Where the region with this index goes.
    func of(_ index: Int) -> Region { regions.indices.contains(index) ? regions[index] : others }

    /// Those with an address of their own first: what is allocated mustn't be in their way.
    func order(of all: [VFIORegion]) -> [VFIORegion] {
        if regions.isEmpty { return all }
        return all.filter { of($0.index) != .automatic } + all.filter { of($0.index) == .automatic }
    }
}

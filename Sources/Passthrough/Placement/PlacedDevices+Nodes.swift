// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import GuestNodes

extension PlacedDevices {
    /// The requests from which the nodes of all devices are generated, in their order.
    public var nodeRequests: [NodeRequest] {
        devices.map { device in
            var request = NodeRequest(
                name: device.name, path: device.host.deviceTreeNode, regions: device.ranges,
                regionIndices: device.regions.map(\.info.index),
                interrupts: device.interrupts.map { .init(spi: $0.spi, trigger: $0.trigger) },
                settings: device.settings.node)
            request.record = device.opened.record
            return request
        }
    }
}

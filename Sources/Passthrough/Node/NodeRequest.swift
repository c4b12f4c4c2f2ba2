// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus
internal import VFIO

/// A device that needs a node in the guest's device tree: a plain value, so that one can be made for a device that is
/// not open.
public struct NodeRequest: Equatable, Sendable {
    /// An interrupt as the guest sees it.
    public struct Interrupt: Equatable, Sendable {
        /// Its number in the guest.
        public var spi: SPI
        /// What VFIO says of the line: the host's kernel knows better than the host's tree.
        public var trigger: InterruptTrigger

        /// An interrupt with this number.
        public init(spi: SPI, trigger: InterruptTrigger) {
            self.spi = spi
            self.trigger = trigger
        }
    }

    /// The device's name on the host.
    public var name: String
    /// The folder of its node in the host's tree (its `of_node`); nil on a host without a device tree.
    public var path: String?
    /// Where the guest sees its regions.
    public var regions: [GuestRange]
    /// VFIO's index of each region: that of the entry of `reg`. Some have none in the guest, since they have no bytes.
    public var regionIndices: [Int]
    /// Its interrupts, by VFIO's index: that of the entry of `interrupts`.
    public var interrupts: [Interrupt]
    /// What the user says about the node.
    public var settings: NodeSettings

    /// A request of these parts.
    /// - Parameter regionIndices: those of `regions` themselves by default.
    public init(
        name: String, path: String?, regions: [GuestRange], regionIndices: [Int]? = nil, interrupts: [Interrupt],
        settings: NodeSettings = NodeSettings()
    ) {
        self.name = name
        self.path = path
        self.regions = regions
        self.regionIndices = regionIndices ?? Array(regions.indices)
        self.interrupts = interrupts
        self.settings = settings
    }
}

extension PlacedDevices {
    /// What the nodes of all devices are made from, in their order.
    public var nodeRequests: [NodeRequest] {
        devices.map { device in
            NodeRequest(
                name: device.name, path: device.host.deviceTreeNode, regions: device.ranges,
                regionIndices: device.regions.map(\.info.index),
                interrupts: device.interrupts.map { .init(spi: $0.spi, trigger: $0.trigger) },
                settings: device.settings.node)
        }
    }
}

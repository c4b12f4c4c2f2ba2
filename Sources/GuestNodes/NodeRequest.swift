// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import PlatformBus

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
    /// What the host's driver had for it; nil where that isn't known.
    public var record: HostRecord?

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

extension DeviceSurvey {
    /// What the guest's node is made from, with the first windows and SPIs that are free on `bus`.
    /// - Throws: `PlatformBusError` when there is no room.
    public func nodeRequest(on bus: BusMap) throws(PlatformBusError) -> NodeRequest {
        var request = NodeRequest(name: device.name, path: device.deviceTreeNode, regions: [], interrupts: [])
        request.record = record
        // The kernel makes no resource of a block that it can't translate, nor of those behind it (Linux,
        // drivers/of/address.c, of_address_count), so VFIO has no region for them.
        for (index, region) in regions.prefix(while: { $0.hostAddress != nil }).enumerated() where region.size > 0 {
            request.regions.append(try bus.allocateWindow(device.name, size: region.size))
            request.regionIndices.append(index)
        }
        for interrupt in interrupts {
            request.interrupts.append(
                .init(spi: try bus.allocateSPI(device.name), trigger: interrupt.trigger ?? .level))
        }
        return request
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import PlatformBus

/// A device that needs a node in the guest's device tree.
///
/// A plain value, so that it can also describe a device that isn't open.
public struct NodeRequest: Equatable, Sendable {
    /// An interrupt as the guest sees it.
    public struct Interrupt: Equatable, Sendable {
        /// Its number in the guest.
        public var spi: SPI
        /// The trigger that VFIO reports for the line, because the host's kernel knows it better than the host's tree.
        public var trigger: InterruptTrigger

        /// Creates an interrupt with this number.
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
    /// VFIO's index of each region, which is that of the entry of `reg`. Empty regions aren't in the list.
    public var regionIndices: [Int]
    /// Its interrupts, by VFIO's index, which is that of the entry of `interrupts`.
    public var interrupts: [Interrupt]
    /// The user's settings for the node.
    public var settings: NodeSettings
    /// The resources of the host's driver; nil when they aren't known.
    public var record: HostRecord?

    /// Creates a request from its parts.
    /// - Parameter regionIndices: by default those of `regions` itself.
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
    /// The request for the guest's node, with the first free windows and SPIs on `bus`.
    /// - Throws: `PlatformBusError` when there is no room.
    public func nodeRequest(on bus: BusMap) throws(PlatformBusError) -> NodeRequest {
        var request = NodeRequest(name: device.name, path: device.deviceTreeNode, regions: [], interrupts: [])
        request.record = record
        // The kernel creates no resource for a block that it can't translate, nor for those after it (Linux,
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

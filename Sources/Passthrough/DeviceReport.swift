// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What became of a passed-through device: how each region and interrupt reaches the guest, and how often.
public struct DeviceReport: Sendable, Equatable, Encodable {
    public struct Region: Sendable, Equatable, Encodable {
        public let index: Int
        /// "mapped": the guest reaches it without exits. "trapped": each access is forwarded.
        public let access: String
        public let hostAddress: String?
        public let guestAddress: String
        /// In bytes.
        public let size: UInt64
        /// Accesses that came to user space.
        public let reads: UInt64
        public let writes: UInt64

        enum CodingKeys: String, CodingKey {
            case index, access, size, reads, writes
            case hostAddress = "host_address"
            case guestAddress = "guest_address"
        }
    }

    public struct Interrupt: Sendable, Equatable, Encodable {
        public let index: Int
        /// "edge" or "level".
        public let trigger: String
        public let spi: UInt32
        /// How it gets to the guest: "irqfd".
        public let path: String
        /// How often VFIO's handler ran on the host while this VM had the device; nil where the host doesn't say.
        public let count: UInt64?
        public let countSource: String

        enum CodingKeys: String, CodingKey {
            case index, trigger, spi, path, count
            case countSource = "count_source"
        }
    }

    public let host: String
    public let group: Int
    /// "iommu": DMA reaches the guest's RAM only. "none": no IOMMU stands between the device and the host's memory.
    public let isolation: String
    public let canReset: Bool
    public let regions: [Region]
    public let interrupts: [Interrupt]

    /// The report as text, a line for each fact.
    public var lines: [String] {
        var lines = ["device \(host): group \(group), isolation: \(isolation), reset: \(canReset ? "yes" : "no")"]
        for region in regions {
            let host = region.hostAddress.map { "host \($0) " } ?? ""
            lines.append(
                "  region \(region.index): \(region.access), \(host)guest \(region.guestAddress) size \(region.size), "
                    + "exits \(region.reads) reads \(region.writes) writes")
        }
        for interrupt in interrupts {
            let count = interrupt.count.map { "\($0)" } ?? "not known"
            lines.append(
                "  interrupt \(interrupt.index): \(interrupt.trigger), SPI \(interrupt.spi), path \(interrupt.path), "
                    + "count \(count) (\(interrupt.countSource))")
        }
        return lines
    }

    enum CodingKeys: String, CodingKey {
        case host, group, isolation, regions, interrupts
        case canReset = "can_reset"
    }
}

extension DeviceConnection {
    func report(_ hostCounts: HostInterruptCounts) -> DeviceReport {
        return DeviceReport(
            host: device.name, group: device.device.group.id,
            isolation: device.device.group.container.type == .type1v2 ? "iommu" : "none",
            canReset: device.device.canReset,
            regions: device.regions.map { region in
                DeviceReport.Region(
                    index: region.info.index, access: region.isMapped ? "mapped" : "trapped",
                    hostAddress: region.hostAddress.map { "0x" + String($0, radix: 16) },
                    guestAddress: region.range.base.description, size: region.info.size, reads: region.trap.reads,
                    writes: region.trap.writes)
            },
            interrupts: device.interrupts.map { interrupt in
                let count = interrupt.hostNumber.flatMap { hostCounts.counts[$0] }.map { $0 &- interrupt.countBefore }
                return DeviceReport.Interrupt(
                    index: interrupt.info.index, trigger: interrupt.trigger == .level ? "level" : "edge",
                    spi: interrupt.spi.rawValue, path: "irqfd", count: count, countSource: "/proc/interrupts")
            })
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import HostDevices
internal import LinuxSystem
internal import PlatformBus

/// What became of a passed-through device: how each region and interrupt reaches the guest, and how often.
public struct DeviceReport: Sendable, Equatable, Encodable {
    /// A block of registers and what went through user space.
    public struct Region: Sendable, Equatable, Encodable {
        /// VFIO's number of the region.
        public let index: Int
        /// "mapped": the guest reaches it without exits. "trapped": each access is forwarded.
        public let access: String
        /// The physical address on the host in hexadecimal; nil where it isn't known.
        public let hostAddress: String?
        /// The guest-physical address in hexadecimal.
        public let guestAddress: String
        /// In bytes.
        public let size: UInt64
        /// Accesses that came to user space.
        public let reads: UInt64
        /// The same for writes.
        public let writes: UInt64
        /// How many of them the host refused: such a read gave all ones, such a write was lost.
        public let failures: UInt64

        enum CodingKeys: String, CodingKey {
            case index, access, size, reads, writes, failures
            case hostAddress = "host_address"
            case guestAddress = "guest_address"
        }
    }

    /// An interrupt, its way to the guest, and how often it came.
    public struct Interrupt: Sendable, Equatable, Encodable {
        /// VFIO's number of the interrupt.
        public let index: Int
        /// "edge" or "level".
        public let trigger: String
        /// The SPI that the guest sees.
        public let spi: UInt32
        /// How it gets to the guest: "irqfd", "relay" or "eventfd".
        public let path: String
        /// Why it isn't on a better path.
        public let reasons: [String]
        /// How often it was raised while this VM had the device; nil where that isn't known.
        public let count: UInt64?
        /// "martlet" has counted, or "/proc/interrupts": with irqfd only the host's own count of VFIO's handler knows.
        public let countSource: String
        /// nil with irqfd, where user space sees nothing.
        public let counters: InterruptCounters?

        enum CodingKeys: String, CodingKey {
            case index, trigger, spi, path, reasons, count, counters
            case countSource = "count_source"
        }
    }

    /// What the device can reach by DMA, and by whose doing.
    public struct DMA: Sendable, Equatable, Encodable {
        /// "iommu": translated, to the guest's memory. "none": not meant to be done. "untranslated": no IOMMU is there.
        /// "identity": none is there, and the guest's RAM is where untranslated DMA lands.
        public let mode: String
        /// "container" or "iommufd"; nil where no IOMMU stands between the device and memory.
        public let through: String?
        /// "guest RAM", "guest RAM and the devices' mapped regions", "nothing", or "all host memory": what the hardware
        /// lets the device reach.
        public let reaches: String
        /// The other devices of its IOMMU group, which reach the same.
        public let groupOthers: [String]
        /// Whether the kernel makes sure that the device can't raise others' interrupts; nil where that isn't known.
        public let interruptsIsolated: Bool?
        /// How the IOMMU knows the device, where the host's device tree says.
        public let streamIDs: [UInt32]
        /// What the IOMMU has refused it; nil where none stands there, and in a report that doesn't ask for it.
        public internal(set) var faults: Faults?

        enum CodingKeys: String, CodingKey {
            case mode, through, reaches, faults
            case groupOthers = "group_others"
            case interruptsIsolated = "interrupts_isolated"
            case streamIDs = "stream_ids"
        }

        func text(group: Int) -> String {
            guard let through else {
                if mode == "identity" { return "dma: identity: NOT confined, reaches \(reaches)" }
                let promise = mode == "none" ? "none, as configured; nothing enforces it" : "untranslated"
                return "dma: \(promise); no IOMMU: NOT confined, reaches all host memory"
            }
            let company = groupOthers.isEmpty ? "alone in it" : "with \(groupOthers.joined(separator: ", "))"
            var text = "dma: \(mode) (group \(group), \(company), \(through)), reaches \(reaches)"
            text += reaches == "nothing" ? "" : " only"
            text += interruptsIsolated == true ? "; interrupts isolated" : "; interrupt isolation unknown"
            if !streamIDs.isEmpty {
                text += "; stream " + streamIDs.map { hex($0) }.joined(separator: ", ")
            }
            return text
        }
    }

    /// The device's name on the host.
    public let host: String
    /// The number of its IOMMU group.
    public let group: Int
    /// "iommu": DMA reaches the guest's RAM only. "none": no IOMMU stands between the device and the host's memory.
    public let isolation: String
    /// What it can reach by DMA.
    public internal(set) var dma: DMA
    /// How it is reset, and by whom.
    public let reset: Reset
    /// Why the last reset failed, in words; nil where it didn't.
    public let resetFailure: String?
    /// Its regions that have bytes, in VFIO's order.
    public let regions: [Region]
    /// Its interrupts, in VFIO's order.
    public let interrupts: [Interrupt]
    /// How often regions were taken from the guest for an interrupt on the eventfd path, and given back.
    public let unmaps: UInt64
    /// How often they were given back.
    public let maps: UInt64
    /// How often the kernel refused to take them: the interrupt then had to wait.
    public let refusedUnmaps: UInt64
    /// Loads and stores to trapped regions that the hardware hadn't described: those emulated, and those answered with
    /// a data abort.
    public let nisvEmulated: UInt64
    /// Those that were answered with a data abort.
    public let nisvAborted: UInt64

    /// The report as text, a line for each fact.
    public var lines: [String] {
        var lines = [
            "device \(host): group \(group), isolation: \(isolation)", "  \(dma.text(group: group))",
        ]
        if let faults = dma.faults { lines.append("  dma faults: \(faults.text)") }
        lines += reset.lines
        if let resetFailure {
            lines.append("  reset failed: \(resetFailure); DMA of its last user may go on")
        }
        for region in regions {
            let host = region.hostAddress.map { "host \($0) " } ?? ""
            lines.append(
                "  region \(region.index): \(region.access), \(host)guest \(region.guestAddress) size \(region.size), "
                    + "exits \(region.reads) reads \(region.writes) writes"
                    + (region.failures > 0 ? ", \(region.failures) of them refused by the host" : ""))
        }
        if nisvEmulated &+ nisvAborted > 0 {
            lines.append(
                "  accesses without a syndrome: \(nisvEmulated) emulated, \(nisvAborted) answered with a data abort")
        }
        for interrupt in interrupts {
            let count = interrupt.count.map { "\($0)" } ?? "unknown"
            lines.append(
                "  interrupt \(interrupt.index): \(interrupt.trigger), SPI \(interrupt.spi), path \(interrupt.path), "
                    + "count \(count) (\(interrupt.countSource))")
            if let counters = interrupt.counters {
                lines.append(
                    "    raised \(counters.raised) delivered \(counters.delivered) ended \(counters.ended) "
                        + "queued \(counters.queued) coalesced \(counters.coalesced) storm-held \(counters.stormHeld)")
            }
            for reason in interrupt.reasons { lines.append("    \(reason)") }
        }
        if unmaps &+ refusedUnmaps > 0 {
            lines.append(
                "  regions unmapped \(unmaps) times, mapped again \(maps) times"
                    + (refusedUnmaps > 0 ? ", \(refusedUnmaps) times refused by the kernel" : ""))
        }
        return lines
    }

    enum CodingKeys: String, CodingKey {
        case host, group, isolation, dma, reset, regions, interrupts, unmaps, maps
        case resetFailure = "reset_failure"
        case refusedUnmaps = "refused_unmaps"
        case nisvEmulated = "nisv_emulated"
        case nisvAborted = "nisv_aborted"
    }
}

extension ConnectedDevice {
    func report(_ hostCounts: HostInterruptCounts) -> DeviceReport {
        let cycles = remapCounts
        return DeviceReport(
            host: device.name, group: device.host.group?.id ?? 0,
            isolation: device.device.reach == .hostMemory ? "none" : "iommu", dma: device.opened.dmaReport,
            reset: device.opened.resetter.report, resetFailure: device.opened.resetter.failure?.shortText,
            regions: device.regions.map { region in
                DeviceReport.Region(
                    index: region.info.index, access: region.isMapped ? "mapped" : "trapped",
                    hostAddress: region.hostAddress.map { hex($0) },
                    guestAddress: region.range.base.description, size: region.info.size, reads: region.trap.reads,
                    writes: region.trap.writes, failures: region.trap.failures)
            },
            interrupts: routes.map { $0.report(hostCounts) }, unmaps: cycles.unmaps, maps: cycles.maps,
            refusedUnmaps: cycles.refusedUnmaps,
            nisvEmulated: device.regions.reduce(0) { $0 &+ $1.trap.emulated },
            nisvAborted: device.regions.reduce(0) { $0 &+ $1.trap.aborted })
    }
}

extension ConnectedDevice.Route {
    fileprivate func report(_ hostCounts: HostInterruptCounts) -> DeviceReport.Interrupt {
        let counters = path.counters(interrupt.info.index)
        let hostCount = interrupt.hostNumber.flatMap { hostCounts.counts[$0] }.map { $0 &- interrupt.countBefore }
        return DeviceReport.Interrupt(
            index: interrupt.info.index, trigger: interrupt.trigger == .level ? "level" : "edge",
            spi: interrupt.spi.rawValue, path: path.kind.rawValue, reasons: reasons,
            count: counters.map(\.raised) ?? hostCount, countSource: counters == nil ? "/proc/interrupts" : "martlet",
            counters: counters)
    }
}

extension OpenDevice {
    fileprivate var dmaReport: DeviceReport.DMA {
        let isTranslated = device.reach != .hostMemory
        let through =
            switch device.addressSpace {
            case .container: "container"
            case .iommufd: "iommufd"
            }
        return DeviceReport.DMA(
            mode: {
                switch settings.dma {
                case .none: "none"
                case .identity: "identity"
                case .automatic, .iommu: isTranslated ? "iommu" : "untranslated"
                }
            }(),
            through: isTranslated ? through : nil,
            reaches: {
                switch device.reach {
                case .guestMemory: settings.reachesPeers ? "guest RAM and the devices' mapped regions" : "guest RAM"
                case .nothing: "nothing"
                case .hostMemory: "all host memory"
                }
            }(), groupOthers: host.group?.others.map(\.name) ?? [], interruptsIsolated: isolatesInterrupts,
            streamIDs: streamIDs)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import HostDevices
internal import LinuxSystem
internal import PlatformBus

/// The report of a passed-through device: how each region and interrupt reaches the guest, and how often.
public struct DeviceReport: Sendable, Equatable, Encodable {
    /// A block of registers, and the accesses that user space handled.
    public struct Region: Sendable, Equatable, Encodable {
        /// VFIO's number of the region.
        public let index: Int
        /// "mapped": the guest reaches it without exits. "trapped": each access is forwarded.
        public let access: String
        /// The physical address on the host in hexadecimal; nil when it isn't known.
        public let hostAddress: String?
        /// The guest-physical address in hexadecimal.
        public let guestAddress: String
        /// In bytes.
        public let size: UInt64
        /// Reads that user space handled.
        public let reads: UInt64
        /// Writes that user space handled.
        public let writes: UInt64
        /// How many of these the host refused: a refused read returned all ones, a refused write was lost.
        public let failures: UInt64

        enum CodingKeys: String, CodingKey {
            case index, access, size, reads, writes, failures
            case hostAddress = "host_address"
            case guestAddress = "guest_address"
        }
    }

    /// An interrupt, its path to the guest, and how often it fired.
    public struct Interrupt: Sendable, Equatable, Encodable {
        /// VFIO's number of the interrupt.
        public let index: Int
        /// "edge" or "level".
        public let trigger: String
        /// The SPI that the guest sees.
        public let spi: UInt32
        /// Its path: "irqfd", "relay" or "eventfd".
        public let path: String
        /// Why it doesn't take a better path.
        public let reasons: [String]
        /// How often it fired while this VM had the device; nil when it isn't known.
        public let count: UInt64?
        /// Who counted: "martlet", or "/proc/interrupts", because with irqfd only the host's kernel counts it.
        public let countSource: String
        /// Nil with irqfd, where user space sees no interrupt.
        public let counters: InterruptCounters?

        enum CodingKeys: String, CodingKey {
            case index, trigger, spi, path, reasons, count, counters
            case countSource = "count_source"
        }
    }

    /// What the device can reach by DMA, and how that is enforced.
    public struct DMA: Sendable, Equatable, Encodable {
        /// "iommu": translated, to the guest's memory. "none": the device isn't meant to do DMA. "untranslated": there
        /// is no IOMMU. "identity": there is no IOMMU, and the guest's RAM is at the addresses that untranslated DMA
        /// reaches.
        public let mode: String
        /// "container" or "iommufd"; nil without an IOMMU.
        public let through: String?
        /// What the hardware lets the device reach: "guest RAM", "guest RAM and the devices' mapped regions",
        /// "nothing", or "all host memory".
        public let reaches: String
        /// The other devices of its IOMMU group, which reach the same memory.
        public let groupOthers: [String]
        /// Whether the kernel ensures that the device can't trigger other devices' interrupts; nil when that isn't
        /// known.
        public let interruptsIsolated: Bool?
        /// The numbers by which the IOMMU identifies the device, if the host's device tree has them.
        public let streamIDs: [UInt32]
        /// The accesses that the IOMMU has refused; nil without an IOMMU, and in a report without faults.
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
    /// "iommu": DMA reaches only the guest's RAM. "none": there is no IOMMU between the device and the host's memory.
    public let isolation: String
    /// What it can reach by DMA.
    public internal(set) var dma: DMA
    /// How it is reset.
    public let reset: Reset
    /// Why the last reset failed, as text; nil if it didn't.
    public let resetFailure: String?
    /// Its regions that aren't empty, in VFIO's order.
    public let regions: [Region]
    /// Its interrupts, in VFIO's order.
    public let interrupts: [Interrupt]
    /// How often regions were taken from the guest for an interrupt on the eventfd path.
    public let unmaps: UInt64
    /// How often they were given back.
    public let maps: UInt64
    /// How often the kernel refused to take them, so that the interrupt had to wait.
    public let refusedUnmaps: UInt64
    /// Loads and stores to trapped regions that the hardware hadn't described, and that were emulated.
    public let nisvEmulated: UInt64
    /// Loads and stores of that kind that got a data abort.
    public let nisvAborted: UInt64

    /// The report as text, one line for each fact.
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
public import LinuxSystem
public import PlatformBus
public import VFIO

/// A host device that was opened and given its place on the guest's platform bus: windows and SPIs.
///
/// It holds no part of the VM yet; `DeviceConnection` joins the two. Immutable, so any thread may read it.
public final class PassthroughDevice: Sendable {
    /// What the user asked for.
    public struct Settings: Equatable, Sendable {
        /// How the device is named.
        public enum Identity: Equatable, Sendable {
            /// A name under the platform or AMBA bus.
            case host(String)
            /// A path below /sys.
            case sysfsdev(String)
        }

        /// Where its first region goes in the guest; the others follow where there is room.
        public enum Placement: Equatable, Sendable {
            case automatic
            case fixed(GuestAddress)
            /// Every region where it is on the host.
            case host
        }

        public var identity: Identity
        /// Trap every access, also to regions that could be mapped.
        public var trapsAll: Bool
        /// The only path that interrupts may take; nil for the best that works.
        public var interrupts: InterruptPathKind?
        /// Interrupts a second that a line may have on the relay path; 0 for any number.
        public var stormLimit: Int
        /// eventfd path: how long after an interrupt the regions are mapped again; 0 never maps them again.
        public var mapTimeoutMilliseconds: Int
        public var placement: Placement
        /// What the guest's device tree says of it besides what the host's does.
        public var node = NodeSettings()
        /// eventfd path: the only bytes whose access ends an interrupt.
        var endRange: EventFDStateMachine.EndRange?

        public init(
            _ identity: Identity, trapsAll: Bool = false, interrupts: InterruptPathKind? = nil, stormLimit: Int = 0,
            mapTimeoutMilliseconds: Int = 1100, placement: Placement = .automatic
        ) {
            self.identity = identity
            self.trapsAll = trapsAll
            self.interrupts = interrupts
            self.stormLimit = stormLimit
            self.mapTimeoutMilliseconds = mapTimeoutMilliseconds
            self.placement = placement
        }

        /// Says where the device's interrupt status lives: `length` bytes at `offset` of a region. Only an access there
        /// ends an interrupt on the eventfd path, and only the pages that hold it are unmapped.
        public mutating func endInterrupts(atRegion region: Int, offset: UInt64, length: UInt64) {
            endRange = EventFDStateMachine.EndRange(region: region, offset: offset, length: length)
        }
    }

    /// A region and where the guest sees it.
    struct Region: Sendable {
        let info: VFIORegion
        let range: GuestRange
        /// Its physical address on the host, where that can be told.
        let hostAddress: UInt64?
        let isMapped: Bool
        let trap: TrappedRegion
    }

    /// An interrupt and the SPI that the guest sees.
    struct Interrupt: Sendable {
        let info: VFIOInterrupt
        let spi: SPI
        /// Linux's number for it on the host, where that can be told, and its count when the device was opened.
        let hostNumber: Int?
        let countBefore: UInt64
        var trigger: InterruptTrigger { info.isLevel ? .level : .edge }
        var gsi: GSI { GSI(rawValue: spi.rawValue) }
    }

    /// Its name on the host.
    public var name: String { host.name }
    let settings: Settings
    let host: HostDevice
    let device: VFIODevice
    let regions: [Region]
    /// Where the guest sees its regions.
    public var ranges: [GuestRange] { regions.map(\.range) }
    let interrupts: [Interrupt]
    private let bus: PlatformBus

    /// Opens the device and claims what it needs on `bus`.
    /// - Throws: `PassthroughError.vfio` when it can't be opened, `.bus` when there is no room or a claim overlaps
    ///   another, `.noHostAddress`, `.endRangeOutside`. Nothing stays claimed.
    public init(
        _ settings: Settings, containers: VFIOContainers, bus: PlatformBus, sysfs: Sysfs, log: Log,
        tracer: Tracer? = nil
    ) throws(PassthroughError) {
        let host = try Self.find(settings.identity, sysfs)
        let countsBefore = HostInterruptCounts.read(sysfs.system)
        let device = try Self.open(host, containers)
        try Self.check(settings.endRange, device)
        tracer?.trace(
            .realize,
            "\(host.name) on \(host.bus) regions \(device.regions.count) interrupts \(device.interrupts.count)")
        let countsAfter = HostInterruptCounts.read(sysfs.system)
        let numbers = countsAfter.numbers(newSince: countsBefore)
        let addresses = HostAddresses.regions(of: host, count: device.regions.count, sysfs: sysfs)
        var claims = BusClaims(owner: host.name, bus: bus)
        var regions: [Region] = []
        for info in device.regions {
            let address = try Self.address(settings.placement, info, addresses[info.index], host.name)
            let name = device.regions.count == 1 ? host.name : "\(host.name) region \(info.index)"
            let trap = TrappedRegion(info, of: device) { error in log(.warning, "\(error)") }
            let range = try claims.window(name, size: info.size, at: address, device: trap)
            regions.append(
                Region(
                    info: info, range: range, hostAddress: addresses[info.index],
                    isMapped: info.canMap && !settings.trapsAll, trap: trap))
        }
        var interrupts: [Interrupt] = []
        for info in device.interrupts {
            // Without a line for each, which is whose can't be told.
            let number = numbers.count == device.interrupts.count ? numbers[info.index] : nil
            interrupts.append(
                Interrupt(
                    info: info, spi: try claims.interrupt("\(host.name) interrupt \(info.index)"), hostNumber: number,
                    countBefore: number.flatMap { countsAfter.counts[$0] } ?? 0))
            tracer?.trace(
                .populateInterrupts,
                "\(host.name) index \(info.index) count \(info.count) flags 0x\(String(info.flags.rawValue, radix: 16))"
            )
        }
        claims.commit()
        self.settings = settings
        self.host = host
        self.device = device
        self.regions = regions
        self.interrupts = interrupts
        self.bus = bus
        log(.debug, "\(host.name): opened, \(regions.count) regions, \(interrupts.count) interrupts")
    }

    deinit {
        for region in regions { bus.remove(region.range) }
        for interrupt in interrupts { bus.releaseSPI(interrupt.spi) }
    }

    /// The range is the user's: that it lies in the device shows only now.
    private static func check(_ range: EventFDStateMachine.EndRange?, _ device: VFIODevice) throws(PassthroughError) {
        guard let range else { return }
        let region = device.regions.first { $0.index == range.region }
        let (end, overflow) = range.offset.addingReportingOverflow(range.length)
        guard let region, range.length > 0, !overflow, end <= region.size else {
            throw .endRangeOutside(device: device.host.name, regions: device.regions.map(\.size))
        }
    }

    private static func find(_ identity: Settings.Identity, _ sysfs: Sysfs) throws(PassthroughError) -> HostDevice {
        do throws(VFIOError) {
            switch identity {
            case .host(let name): return try HostDevice(host: name, sysfs: sysfs)
            case .sysfsdev(let path): return try HostDevice(sysfsdev: path, sysfs: sysfs)
            }
        } catch { throw .vfio(error) }
    }

    private static func open(_ host: HostDevice, _ containers: VFIOContainers) throws(PassthroughError) -> VFIODevice {
        do throws(VFIOError) {
            return try VFIODevice(host, in: try containers.group(of: host))
        } catch { throw .vfio(error) }
    }

    private static func address(
        _ placement: Settings.Placement, _ region: VFIORegion, _ hostAddress: UInt64?, _ device: String
    ) throws(PassthroughError) -> GuestAddress? {
        switch placement {
        case .automatic: return nil
        case .fixed(let address): return region.index == 0 ? address : nil
        case .host:
            guard let hostAddress else { throw .noHostAddress(device: device, region: region.index) }
            return GuestAddress(hostAddress)
        }
    }
}

/// What a device has claimed on the bus so far; given back unless it is committed.
private struct BusClaims: ~Copyable {
    let owner: String
    let bus: PlatformBus
    private var ranges: [GuestRange] = []
    private var spis: [SPI] = []
    private var isCommitted = false

    init(owner: String, bus: PlatformBus) {
        self.owner = owner
        self.bus = bus
    }

    mutating func window(
        _ name: String, size: UInt64, at address: GuestAddress?, device: any MMIODevice
    ) throws(PassthroughError) -> GuestRange {
        do throws(PlatformBusError) {
            let range = try bus.allocateWindow(name, size: size, at: address)
            ranges.append(range)
            try bus.attach(name, range, to: device)
            return range
        } catch { throw .bus(device: owner, error) }
    }

    mutating func interrupt(_ name: String) throws(PassthroughError) -> SPI {
        do throws(PlatformBusError) {
            let spi = try bus.allocateSPI(name)
            spis.append(spi)
            return spi
        } catch { throw .bus(device: owner, error) }
    }

    mutating func commit() { isCommitted = true }

    deinit {
        if isCommitted { return }
        for range in ranges { bus.remove(range) }
        for spi in spis { bus.releaseSPI(spi) }
    }
}

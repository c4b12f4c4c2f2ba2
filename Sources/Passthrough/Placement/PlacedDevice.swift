// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions
public import GuestNodes
internal import HostDevices
internal import KVM
public import LinuxSystem
public import PlatformBus
internal import VFIO

/// A host device that was opened and has a place on the guest's platform bus: windows and SPIs.
///
/// It holds no part of the VM yet; `ConnectedDevice` connects the two. Immutable, so any thread may read it.
public final class PlacedDevice: Sendable {
    /// The settings of the configuration.
    public struct Settings: Equatable, Sendable {
        /// Which of the host's devices it is.
        public var identity: DeviceIdentity
        /// Whether every access is trapped, also to regions that could be mapped.
        public var trapsAll: Bool
        /// The only path that interrupts may take; nil for the best that works.
        public var interrupts: InterruptPathKind?
        /// How many interrupts a second a line may have on the relay path; 0 for any number.
        public var stormLimit: Int
        /// eventfd path: how long after an interrupt the regions are mapped again; 0 never maps them again.
        public var mapTimeoutMilliseconds: Int
        /// Where the guest sees its regions.
        public var placement: DevicePlacement
        /// The settings that the guest's node has in addition to the host's node.
        public var node = NodeSettings()
        /// What it may reach by DMA.
        public var dma = VFIODMAMode.automatic
        /// Whether it reaches the mapped regions of the VM's other devices by DMA, too.
        public var reachesPeers = false
        /// Whether the device is refused if nothing resets it.
        public var requiresReset = false
        /// How it is reset.
        public var reset = DeviceReset.automatic
        /// Whether it is accepted although the host has switched off a resource that it had with its driver.
        public var allowsUnpowered = false
        /// A descriptor of the device's own file that this process was started with; nil opens one.
        public var descriptor: CInt?
        /// eventfd path: the only bytes whose access ends an interrupt, and whose pages are unmapped while one is
        /// active; nil for any access to the device.
        public var endOfInterrupt: EndOfInterrupt?

        /// Combines the settings.
        public init(
            _ identity: DeviceIdentity, trapsAll: Bool = false, interrupts: InterruptPathKind? = nil,
            stormLimit: Int = 0,
            mapTimeoutMilliseconds: Int = MapTimeout.defaultMilliseconds,
            placement: DevicePlacement = .automatic
        ) {
            self.identity = identity
            self.trapsAll = trapsAll
            self.interrupts = interrupts
            self.stormLimit = stormLimit
            self.mapTimeoutMilliseconds = mapTimeoutMilliseconds
            self.placement = placement
        }
    }

    /// A region and where the guest sees it.
    struct Region: Sendable {
        let info: VFIORegion
        let range: GuestRange
        /// Its physical address on the host, if it is known.
        let hostAddress: UInt64?
        let isMapped: Bool
        let trap: TrappedRegion
    }

    /// An interrupt and the SPI that the guest sees.
    struct Interrupt: Sendable {
        let info: VFIOInterrupt
        let spi: SPI
        /// Linux's number for it on the host, if it is known, and its count when the device was opened.
        let hostNumber: Int?
        let countBefore: UInt64
        var trigger: InterruptTrigger { info.isLevel ? .level : .edge }
        var gsi: GSI { GSI(rawValue: spi.rawValue) }
    }

    /// Its name on the host.
    public var name: String { host.name }
    let opened: OpenDevice
    var settings: Settings { opened.settings }
    var host: HostDevice { opened.host }
    var device: VFIODevice { opened.device }
    let regions: [Region]
    /// Where the guest sees its regions.
    public var ranges: [GuestRange] { regions.map(\.range) }
    let interrupts: [Interrupt]
    private let bus: BusMap

    /// Adds a reset line for the guest, which resets the device or does nothing.
    /// - Parameter resets: whether an assertion resets the device, if possible.
    /// - Returns: the function that an assertion calls on a vCPU's thread. It returns when the reset is done or has
    ///   failed.
    public func addResetLine(resets: Bool) -> @Sendable () -> Void { opened.resetter.addLine(resets: resets) }

    /// Claims the device's windows and SPIs on `bus`.
    /// - Parameter pageSize: the host's, in bytes, a power of two.
    /// - Throws: `PassthroughError.bus` when there is no room or a claim overlaps another, `.noHostAddress`,
    ///   `.offPage`. Nothing stays claimed.
    public init(
        _ opened: OpenDevice, bus: BusMap, pageSize: UInt64 = MemoryMapping.pageSize, log: Log,
        tracer: Tracer? = nil
    ) throws(PassthroughError) {
        let (host, device, settings) = (opened.host, opened.device, opened.settings)
        let addresses = opened.hostAddresses
        var claims = BusClaims(owner: host.name, bus: bus)
        guard settings.placement.regions.count <= max(1, device.regions.count) else {
            throw .tooManyAddresses(
                device: host.name, given: settings.placement.regions.count, regions: device.regions.count)
        }
        var regions: [Region] = []
        // An empty region (an entry of "reg" of size 0) gets no place.
        for info in settings.placement.order(of: device.regions) where info.size > 0 {
            let address = try Self.address(
                settings.placement.of(info.index), of: info, hostAddress: addresses[info.index], device: host.name)
            let isMapped = info.canMap && !settings.trapsAll
            // KVM maps whole pages of the host (api.rst, 4.35 KVM_SET_USER_MEMORY_REGION). A trapped region needs no
            // alignment.
            if isMapped, let address, !address.isAligned(to: pageSize) {
                throw .offPage(device: host.name, region: info.index, address: address, pageSize: pageSize)
            }
            let name = device.regions.count == 1 ? host.name : "\(host.name) region \(info.index)"
            let trap = TrappedRegion(info, of: device) { error in log(.warning, "\(error)") }
            let range = try claims.window(name, size: info.size, at: address, device: trap)
            regions.append(
                Region(
                    info: info, range: range, hostAddress: addresses[info.index],
                    isMapped: isMapped, trap: trap))
        }
        regions.sort { $0.info.index < $1.info.index }
        var interrupts: [Interrupt] = []
        for info in device.interrupts {
            let line = opened.hostLines[info.index]
            interrupts.append(
                Interrupt(
                    info: info, spi: try claims.interrupt("\(host.name) interrupt \(info.index)"),
                    hostNumber: line?.number, countBefore: line?.count ?? 0))
            tracer?.trace(
                .populateInterrupts,
                "\(host.name) index \(info.index) count \(info.count) flags \(hex(info.flags.rawValue))"
            )
        }
        claims.commit()
        self.opened = opened
        self.regions = regions
        self.interrupts = interrupts
        self.bus = bus
    }

    deinit {
        for region in regions { bus.remove(region.range) }
        for interrupt in interrupts { bus.releaseSPI(interrupt.spi) }
    }

    private static func address(
        _ placement: DevicePlacement.Region, of region: VFIORegion, hostAddress: UInt64?, device: String
    ) throws(PassthroughError) -> GuestAddress? {
        switch placement {
        case .automatic: return nil
        case .fixed(let address): return GuestAddress(address)
        case .host:
            guard let hostAddress else { throw .noHostAddress(device: device, region: region.index) }
            return GuestAddress(hostAddress)
        }
    }
}

/// The claims of a device on the bus so far; they are released unless they are committed.
private struct BusClaims: ~Copyable {
    let owner: String
    let bus: BusMap
    private var ranges: [GuestRange] = []
    private var spis: [SPI] = []
    private var isCommitted = false

    init(owner: String, bus: BusMap) {
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

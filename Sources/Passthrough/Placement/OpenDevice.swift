// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
public import HostDevices
public import LinuxSystem
public import PlatformBus
public import VFIO

/// A host device that was opened, and what was found out about it on the way; it has no place in a guest yet.
/// Immutable, so any thread may read it.
public final class OpenDevice: Sendable {
    /// An interrupt line of the host: Linux's number for it, and its count when the device had been opened.
    struct HostLine: Sendable {
        let number: Int
        let count: UInt64
    }

    let settings: PlacedDevice.Settings
    let host: HostDevice
    let device: VFIODevice
    /// The physical address of each region, where that can be told.
    let hostAddresses: [UInt64?]
    /// The line of each interrupt, where that can be told.
    let hostLines: [HostLine?]
    /// Whether the kernel sees to it that the device reaches no interrupt but its own; nil where that isn't known.
    let isolatesInterrupts: Bool?
    /// Why it couldn't be reset when it was opened; nil where it could, and where the kernel has no function for that.
    let resetFailure: VFIOError?
    /// What its driver had of the host; nil where nobody noted that.
    let record: HostRecord?
    /// The numbers by which its IOMMU knows it; none where it has no IOMMU, or they can't be told.
    let streamIDs: [UInt32]
    /// The IOMMU before it, by the names of its device and its driver; nil where there is none, or it can't be told.
    let iommu: (name: String, driver: String)?
    /// Whether it may do DMA to the guest's RAM that nothing stops: it has no reset. Otherwise it isn't asked for.
    let isUnstoppable: Bool
    let sysfs: Sysfs

    /// Opens the device and resets it, where the kernel can.
    /// - Parameters:
    ///   - interrupts: nil where the host's counts can't be read.
    ///   - debugFS: reads debugfs where it isn't mounted.
    /// - Throws: `PassthroughError.vfio` when it can't be opened, `.unconfinedDMA`, `.endRangeOutside`, `.noReset`,
    ///   `.resetFailed`, `.unpowered`.
    init(
        _ settings: PlacedDevice.Settings, containers: VFIOContainers, interrupts: HostInterruptFile?, sysfs: Sysfs,
        debugFS: (any DebugFSCalls)? = nil, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        let host = try PassthroughError.host { () throws(HostDeviceError) in try settings.identity.find(sysfs) }
        if settings.dma == .automatic, host.state == .ready, host.group?.isNoIOMMU == true,
            let suspicion = DMAMasters.suspicion(of: host, sysfs)
        {
            throw .unconfinedDMA(device: host.name, suspicion: suspicion)
        }
        record = Self.record(of: host, sysfs, log)
        // Before it is opened: a reset writes to its registers.
        if let record, !settings.allowsUnpowered { try Self.checkPower(of: host, record, sysfs, debugFS) }
        let countsBefore = interrupts?.counts() ?? HostInterruptCounts()
        let device: VFIODevice
        do throws(VFIOError) {
            device = try containers.open(host, dma: settings.dma, descriptor: settings.descriptor)
        } catch { throw .vfio(Self.explained(error, sysfs)) }
        try Self.check(settings.endOfInterrupt, device)
        resetFailure = try Self.reset(device, isRequired: settings.requiresReset, log)
        tracer?.trace(
            .realize,
            "\(host.name) on \(host.bus) regions \(device.regions.count) interrupts \(device.interrupts.count)")
        let countsAfter = interrupts?.counts() ?? HostInterruptCounts()
        let numbers = countsAfter.numbers(newSince: countsBefore)
        // Without a line for each, which is whose can't be told.
        let areKnown = numbers.count == device.interrupts.count
        hostLines = device.interrupts.map { info in
            areKnown ? HostLine(number: numbers[info.index], count: countsAfter.counts[numbers[info.index]] ?? 0) : nil
        }
        hostAddresses = HostAddresses.regions(of: host, count: device.regions.count, sysfs: sysfs)
        isolatesInterrupts = Self.isolatesInterrupts(device, sysfs)
        let isTranslated = device.reach != .hostMemory
        streamIDs = isTranslated ? StreamIDs.read(host, sysfs) : []
        iommu = isTranslated ? Self.iommu(of: host, sysfs) : nil
        isUnstoppable =
            !device.canReset && device.reach == .guestMemory && DMAMasters.suspicion(of: host, sysfs) != nil
        self.settings = settings
        self.host = host
        self.device = device
        self.sysfs = sysfs
        log(
            .debug,
            "\(host.name): opened, \(device.regions.count) regions, \(device.interrupts.count) interrupts")
    }

    /// "iommu" leads to the IOMMU's own entry in sysfs, and "device" from there to its hardware.
    private static func iommu(of host: HostDevice, _ sysfs: Sysfs) -> (name: String, driver: String)? {
        let device = Sysfs(root: host.path, system: sysfs.system)
        guard let name = try? device.linkName("iommu/device"),
            let driver = try? device.linkName("iommu/device/driver")
        else { return nil }
        return (name, driver)
    }

    /// Of a device that isn't ready: that it never will be, where that is so.
    private static func explained(_ error: VFIOError, _ sysfs: Sysfs) -> VFIOError {
        guard case .host(.notReady(let host)) = error else { return error }
        let hasOwnLines =
            host.deviceTreeNode.map { node in
                HostInterrupts(tree: HostTree(sysfs)).specifiers(of: node).contains(where: \.isPerCPU)
            } ?? false
        // What can't be read now doesn't help; the error is what it was.
        let part = (try? HostPart(host, sysfs: sysfs)) ?? (hasOwnLines ? .perCPU : nil)
        guard let part else { return error }
        return .host(.binding(device: host.name, .refused([.hostPart(part)])))
    }

    /// The kernel has done the same when it opened the device, and says nothing of a failure unless resets are required
    /// (vfio_platform_common.c, vfio_platform_open_device).
    /// - Returns: why it failed.
    private static func reset(
        _ device: VFIODevice, isRequired: Bool, _ log: Log
    ) throws(PassthroughError) -> VFIOError? {
        guard device.canReset else {
            if isRequired { throw .noReset(device: device.host.name) }
            return nil
        }
        do throws(VFIOError) {
            try device.reset()
            return nil
        } catch {
            if isRequired { throw .resetFailed(error) }
            log(.warning, "\(error)\n  what its last user has left running may go on, and write to the guest's RAM")
            return error
        }
    }

    /// The range is the user's: that it lies in the device shows only now.
    private static func check(_ range: EndOfInterrupt?, _ device: VFIODevice) throws(PassthroughError) {
        guard let range else { return }
        let region = device.regions.first { $0.index == range.region }
        let (end, overflow) = range.offset.addingReportingOverflow(range.length)
        guard let region, range.length > 0, !overflow, end <= region.size else {
            throw .endRangeOutside(device: device.host.name, regions: device.regions.map(\.size))
        }
    }

    /// VFIO refuses a device whose interrupts aren't isolated unless this parameter lets it pass (vfio_iommu_type1.c,
    /// iommufd/device.c): where it is off, a device that could be opened is isolated; where it is on, nobody knows.
    private static func isolatesInterrupts(_ device: VFIODevice, _ sysfs: Sysfs) -> Bool? {
        guard device.reach != .hostMemory else { return nil }
        let module =
            switch device.addressSpace {
            case .container: "vfio_iommu_type1"
            case .iommufd: "iommufd"
            }
        return (try? sysfs.text("module/\(module)/parameters/allow_unsafe_interrupts")) == "N" ? true : nil
    }
}

/// The devices of one VM, opened; none has its place yet.
public final class OpenDevices: Sendable {
    /// In the order of the configuration.
    let devices: [OpenDevice]
    let containers: VFIOContainers
    /// What the IOMMU refuses them, or why that can't be known; nil where no IOMMU stands before any of them.
    let faultLog: Result<DMAFaultLog, Errno>?
    /// Has the last share of each device, so that they are closed newest first; an array would let go of the oldest
    /// first.
    private let stack: ResourceStack
    /// Counts the devices' interrupts; nil where it can't be opened. Who opened it keeps it open for longer than these.
    let interruptFile: HostInterruptFile?

    /// Opens every device.
    /// - Parameters:
    ///   - containers: what they are opened through.
    ///   - debugFS: reads debugfs where it isn't mounted.
    ///   - interrupts: opened before them, and closed after them; without it the report says that the counts aren't
    ///     known.
    /// - Throws: for the first device that fails; the ones before it are closed again.
    public init(
        _ settings: [PlacedDevice.Settings], containers: VFIOContainers, interrupts: HostInterruptFile? = nil,
        sysfs: Sysfs, debugFS: (any DebugFSCalls)? = nil, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        self.containers = containers
        interruptFile = interrupts
        var stack = ResourceStack()
        var devices: [OpenDevice] = []
        for settings in settings {
            let device = try OpenDevice(
                settings, containers: containers, interrupts: interruptFile, sysfs: sysfs, debugFS: debugFS, log: log,
                tracer: tracer)
            devices.append(device)
            stack.keep(device)
        }
        self.devices = devices
        // Opened last, and so closed first. No memory is mapped yet for what the devices do meanwhile.
        faultLog =
            devices.contains { $0.device.reach != .hostMemory }
            ? Result { () throws(Errno) in try DMAFaultLog(sysfs.system) } : nil
        self.stack = stack
    }

    /// How often the devices' interrupts have come to the host; empty where that can't be told.
    var hostInterruptCounts: HostInterruptCounts { interruptFile?.counts() ?? HostInterruptCounts() }

    /// The first device that addresses the host's physical memory, where the guest's RAM has to be; nil where there is
    /// none.
    public var identityDevice: String? { devices.first { $0.settings.dma == .identity }?.host.name }

    /// Checks that those devices reach RAM that is in these banks.
    /// - Throws: `PassthroughError.translatingBus`, `.memoryOutOfReach`.
    public func checkIdentity(reaches banks: [GuestRange]) throws(PassthroughError) {
        for device in devices where device.settings.dma == .identity {
            try DMAWindows.check(device.host, reaches: banks, device.sysfs)
        }
    }

    /// Where the guest sees regions whose addresses the configuration fixes.
    public var fixedRanges: [GuestRange] {
        devices.flatMap { device in
            device.device.regions.compactMap { region in
                let address: GuestAddress? =
                    switch device.settings.placement.of(region.index) {
                    case .automatic: nil
                    case .fixed(let address): GuestAddress(address)
                    case .host: device.hostAddresses[region.index].map { GuestAddress($0) }
                    }
                return address.flatMap { GuestRange(base: $0, size: region.size) }
            }
        }
    }

    /// What the devices that are to reach the guest's memory demand of its place; nil where there are none.
    /// - Throws: `PassthroughError.vfio`.
    public func memoryDemands() throws(PassthroughError) -> MemoryDemands? {
        let sharing = devices.filter { $0.device.reach == .guestMemory }
        guard let first = sharing.first else { return nil }
        return try PassthroughError.vfio { () throws(VFIOError) in
            var limits: [IOVALimits] = []
            for space in containers.guestSpaces { limits.append(try space.limits()) }
            var reserved: [ReservedRegion] = []
            for device in sharing {
                for region in device.host.group?.reserved ?? [] where region.isBinding && !reserved.contains(region) {
                    reserved.append(region)
                }
            }
            return MemoryDemands(device: first.host.name, limits: limits, reserved: reserved)
        }
    }
}

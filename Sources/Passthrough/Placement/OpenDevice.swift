// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import HostDevices
internal import LinuxSystem
internal import PlatformBus
internal import VFIO

/// A host device that was opened, with the facts that were read then; it has no place in a guest yet.
///
/// Immutable, so any thread may read it.
public final class OpenDevice: Sendable {
    /// An interrupt line of the host: Linux's number for it, and its count when the device was opened.
    struct HostLine: Sendable {
        let number: Int
        let count: UInt64
    }

    let settings: PlacedDevice.Settings
    let host: HostDevice
    let device: VFIODevice
    /// The physical address of each region, if it is known.
    let hostAddresses: [UInt64?]
    /// The line of each interrupt, if it is known.
    let hostLines: [HostLine?]
    /// Whether the kernel ensures that the device can't trigger interrupts other than its own; nil when that isn't
    /// known.
    let isolatesInterrupts: Bool?
    /// Resets it.
    let resetter: DeviceResetter
    /// The resources that its driver had; nil when they weren't recorded.
    let record: HostRecord?
    /// The numbers by which its IOMMU identifies it; none without an IOMMU, or when they aren't known.
    let streamIDs: [UInt32]
    /// The names of its IOMMU's device and driver; nil without an IOMMU, or when they aren't known.
    let iommu: (name: String, driver: String)?
    /// Whether it may do DMA to the guest's RAM that can't be stopped, because nothing resets it. False when something
    /// resets it.
    let isUnstoppable: Bool
    let sysfs: Sysfs

    /// Opens the device and resets it, if possible.
    /// - Parameters:
    ///   - interrupts: the host's counts; nil when they can't be read.
    ///   - debugFS: reads debugfs where it isn't mounted.
    /// - Throws: `PassthroughError.vfio` when it can't be opened, `.unconfinedDMA`, `.endRangeOutside`, `.resetStep`,
    ///   `.noReset`, `.resetFailed`, `.unpowered`.
    init(
        _ settings: PlacedDevice.Settings, containers: VFIOContainers, interrupts: HostInterruptFile?, sysfs: Sysfs,
        debugFS: (any DebugFSCalls)? = nil, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        let host = try mapError(PassthroughError.host, try settings.identity.find(sysfs))
        if settings.dma == .automatic, host.state == .ready, host.group?.isNoIOMMU == true,
            let master = DMAMasters.possibleMaster(of: host, sysfs)
        {
            throw .unconfinedDMA(device: host.name, master: master)
        }
        record = Self.record(of: host, sysfs, log)
        // Checked before it is opened, because a reset writes to its registers.
        if let record, !settings.allowsUnpowered { try Self.checkPower(of: host, record, sysfs, debugFS) }
        let countsBefore = interrupts?.counts() ?? HostInterruptCounts()
        let device: VFIODevice
        do throws(VFIOError) {
            device = try containers.open(host, dma: settings.dma, descriptor: settings.descriptor)
        } catch { throw .vfio(Self.explained(error, sysfs)) }
        try Self.check(settings.endOfInterrupt, device)
        try Self.check(settings.reset, device)
        resetter = DeviceResetter(
            ResetMethod(settings.reset, of: device, sysfs), of: device, system: sysfs.system, log: log)
        try Self.reset(device, resetter, isRequired: settings.requiresReset, log)
        tracer?.trace(
            .realize,
            "\(host.name) on \(host.bus) regions \(device.regions.count) interrupts \(device.interrupts.count)")
        let countsAfter = interrupts?.counts() ?? HostInterruptCounts()
        let numbers = countsAfter.numbers(newSince: countsBefore)
        // Unless there is a line for each interrupt, they can't be matched.
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
            !resetter.method.isThere && device.reach == .guestMemory
            && DMAMasters.possibleMaster(of: host, sysfs) != nil
        self.settings = settings
        self.host = host
        self.device = device
        self.sysfs = sysfs
        log(
            .debug,
            "\(host.name): opened, \(device.regions.count) regions, \(device.interrupts.count) interrupts")
    }

    /// The device's IOMMU. "iommu" links to the IOMMU's entry in sysfs, and "device" from there to its hardware.
    private static func iommu(of host: HostDevice, _ sysfs: Sysfs) -> (name: String, driver: String)? {
        let device = Sysfs(root: host.path, system: sysfs.system)
        guard let name = try? device.linkName("iommu/device"),
            let driver = try? device.linkName("iommu/device/driver")
        else { return nil }
        return (name, driver)
    }

    /// The error of a device that isn't ready; if it never will be, the error says so.
    private static func explained(_ error: VFIOError, _ sysfs: Sysfs) -> VFIOError {
        guard case .host(.notReady(let host)) = error else { return error }
        let hasOwnLines =
            host.deviceTreeNode.map { node in
                HostInterrupts(tree: HostTree(sysfs)).specifiers(of: node).contains(where: \.isPerCPU)
            } ?? false
        // If this can't be read now, the error stays as it was.
        let part = (try? HostPart(host, sysfs: sysfs)) ?? (hasOwnLines ? .perCPU : nil)
        guard let part else { return error }
        return .host(.binding(device: host.name, .refused([.hostPart(part)])))
    }

    /// Resets the device. The kernel has already performed VFIO_DEVICE_RESET when it opened the device, but it reports
    /// a failure only if resets are required (vfio_platform_common.c, vfio_platform_open_device).
    private static func reset(
        _ device: VFIODevice, _ resetter: DeviceResetter, isRequired: Bool, _ log: Log
    ) throws(PassthroughError) {
        if case .none(let absence) = resetter.method {
            if isRequired { throw .noReset(device: device.host.name, cause: absence.text) }
            return
        }
        do throws(ResetFailure) { try resetter.reset() } catch {
            if isRequired { throw .resetFailed(error) }
            log(.warning, "\(error)\n  DMA of its last user may go on and write to the guest's RAM")
        }
    }

    /// Checks the configuration's steps. Only now is it known which registers the device has.
    private static func check(_ reset: DeviceReset, _ device: VFIODevice) throws(PassthroughError) {
        guard case .steps(let steps) = reset else { return }
        for (index, step) in steps.enumerated() {
            guard let problem = step.problem(regions: device.regions) else { continue }
            throw .resetStep(device: device.host.name, index: index, step: step.text, problem: problem)
        }
    }

    /// Checks the configuration's range. Only now is it known which bytes the device has.
    private static func check(_ range: EndOfInterrupt?, _ device: VFIODevice) throws(PassthroughError) {
        guard let range else { return }
        let region = device.regions.first { $0.index == range.region }
        let (end, overflow) = range.offset.addingReportingOverflow(range.length)
        guard let region, range.length > 0, !overflow, end <= region.size else {
            throw .endRangeOutside(device: device.host.name, regions: device.regions.map(\.size))
        }
    }

    /// VFIO refuses a device whose interrupts aren't isolated, unless this module parameter allows it
    /// (vfio_iommu_type1.c, iommufd/device.c). If the parameter is off, a device that could be opened is isolated; if
    /// it is on, this isn't known.
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

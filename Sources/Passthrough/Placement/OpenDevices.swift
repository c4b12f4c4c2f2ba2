// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import LinuxSystem
public import PlatformBus
public import VFIO

/// The devices of one VM, opened; none has its place yet.
public final class OpenDevices: Sendable {
    /// In the order of the configuration. Empty once it was closed.
    var devices: [OpenDevice] { list.all }
    let containers: VFIOContainers
    /// What the IOMMU refuses them, or why that can't be known; nil where no IOMMU stands before any of them.
    let faultLog: Result<DMAFaultLog, Errno>?
    private let list: OwnedList<OpenDevice>
    /// Counts the devices' interrupts; nil where it can't be opened.
    private let interruptFile: HostInterruptFile?

    /// Opens every device.
    /// - Parameters:
    ///   - containers: what they are opened through.
    ///   - debugFS: reads debugfs where it isn't mounted.
    ///   - interrupts: opened before them, and closed after them, also when this throws; without it the report says
    ///     that the counts aren't known.
    /// - Throws: for the first device that fails; the ones before it are closed again.
    public init(
        _ settings: [PlacedDevice.Settings], containers: VFIOContainers, interrupts: HostInterruptFile? = nil,
        sysfs: Sysfs, debugFS: (any DebugFSCalls)? = nil, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        self.containers = containers
        interruptFile = interrupts
        list = OwnedList()
        do throws(PassthroughError) {
            for settings in settings {
                list.append(
                    try OpenDevice(
                        settings, containers: containers, interrupts: interrupts, sysfs: sysfs, debugFS: debugFS,
                        log: log, tracer: tracer))
            }
        } catch {
            list.releaseAll()
            containers.close()
            interrupts?.close()
            throw error
        }
        // Opened last. No memory is mapped yet for what the devices do meanwhile.
        faultLog =
            list.all.contains { $0.device.reach != .hostMemory }
            ? Result { () throws(Errno) in try DMAFaultLog(sysfs.system) } : nil
    }

    /// Closes what was opened, newest first: the kernel's log, the devices as far as nothing else has a share of them,
    /// what they were opened through, and the interrupts' counts. A second call does nothing.
    public func close() {
        if case .success(let log)? = faultLog { log.close() }
        list.releaseAll()
        containers.close()
        interruptFile?.close()
    }

    deinit { close() }

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
        do throws(VFIOError) {
            var limits: [IOVALimits] = []
            for space in containers.guestSpaces { limits.append(try space.limits()) }
            var reserved: [ReservedRegion] = []
            for device in sharing {
                for region in device.host.group?.reserved ?? [] where region.isBinding && !reserved.contains(region) {
                    reserved.append(region)
                }
            }
            return MemoryDemands(device: first.host.name, limits: limits, reserved: reserved)
        } catch { throw .vfio(error) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import LinuxSystem
public import PlatformBus
public import VFIO

/// The open devices of one VM, before they are placed.
public final class OpenDevices: Sendable {
    /// In the order of the configuration. Empty after `close`.
    var devices: [OpenDevice] { list.all }
    let containers: VFIOContainers
    /// The accesses that the IOMMU refuses, or why they can't be known; nil when no device has an IOMMU.
    let faultLog: Result<DMAFaultLog, Errno>?
    private let list: OwnedList<OpenDevice>
    /// Counts the devices' interrupts; nil when it can't be opened.
    private let interruptFile: HostInterruptFile?

    /// Opens every device.
    /// - Parameters:
    ///   - containers: opens them.
    ///   - debugFS: reads debugfs where it isn't mounted.
    ///   - interrupts: opened before the devices, and closed after them, also when this throws. Without it the report
    ///     says that the counts aren't known.
    /// - Throws: for the first device that fails; the devices before it are closed again.
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
        // Opened last. DMA before that reaches no memory, because none is mapped yet.
        faultLog =
            list.all.contains { $0.device.reach != .hostMemory }
            ? Result { () throws(Errno) in try DMAFaultLog(sysfs.system) } : nil
    }

    /// Closes everything that was opened, newest first: the kernel's log, the devices that nothing else shares, their
    /// containers, and the interrupts' counts.
    ///
    /// A second call does nothing.
    public func close() {
        if case .success(let log)? = faultLog { log.close() }
        list.releaseAll()
        containers.close()
        interruptFile?.close()
    }

    deinit { close() }

    /// How often the devices' interrupts have arrived at the host; empty when that isn't known.
    var hostInterruptCounts: HostInterruptCounts { interruptFile?.counts() ?? HostInterruptCounts() }

    /// The first device that addresses the host's physical memory; nil if there is none.
    ///
    /// The guest's RAM must be at its host-physical addresses then.
    public var identityDevice: String? { devices.first { $0.settings.dma == .identity }?.host.name }

    /// Checks that these devices reach RAM in these banks.
    /// - Throws: `PassthroughError.translatingBus`, `.memoryOutOfReach`.
    public func checkIdentity(reaches banks: [GuestRange]) throws(PassthroughError) {
        for device in devices where device.settings.dma == .identity {
            try DMAWindows.check(device.host, reaches: banks, device.sysfs)
        }
    }

    /// The guest addresses of regions that the configuration fixes.
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

    /// The requirements on the guest's memory by devices that reach it; nil if there are no such devices.
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

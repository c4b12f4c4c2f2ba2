// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
public import LinuxSystem
public import PlatformBus
public import VFIO

/// A device of the host that could be passed through, as far as it can be told without opening it.
public struct DeviceSurvey: Sendable {
    /// A block of its registers.
    public struct Region: Equatable, Sendable {
        /// How the guest could have it.
        public enum Access: Equatable, Sendable {
            /// Mapped: no access leaves the guest.
            case mappable
            /// Trapped and forwarded, since VFIO maps whole pages only, of this many bytes.
            case trappedForAddress(pageSize: UInt64)
            case trappedForSize(pageSize: UInt64)
            /// The host's tree doesn't translate its address: VFIO has no region for it.
            case unknown
            /// It has no bytes, and no place in the guest.
            case empty
        }

        /// Its entry in `reg-names`.
        public let name: String?
        /// The CPU's address; nil where it can't be told.
        public let hostAddress: UInt64?
        /// In bytes.
        public let size: UInt64
        /// How the guest could have it.
        public let access: Access
    }

    /// One of its interrupts.
    public struct Interrupt: Equatable, Sendable {
        /// Its entry in `interrupt-names`.
        public let name: String?
        /// By the host's device tree; nil where that doesn't say. VFIO says once the device is open.
        public let trigger: InterruptTrigger?
        /// Whether each CPU has its own (PPI), which VFIO can't pass on.
        public let isPerCPU: Bool
    }

    /// Whether the kernel can reset it.
    public enum Reset: Equatable, Sendable {
        /// VFIO has it, and takes only such devices here.
        case yes
        /// vfio-platform is set to refuse it, as it found none.
        case no
        /// VFIO tells it from the open device, and takes it either way.
        case knownOnceOpen
    }

    /// What is between the device and a guest.
    public enum Verdict: Equatable, Sendable {
        /// `martlet run` can have it.
        case ready
        /// `martlet bind` makes it ready.
        case needsBind
        /// These are needed first, and then perhaps `martlet bind`.
        case needs([String])
        /// It can't be had on this host, as it was started, for these reasons.
        case impossible([String])
    }

    /// What sysfs says.
    public let device: HostDevice
    /// What it is, most specific first.
    public let compatible: [String]
    public let regions: [Region]
    public let interrupts: [Interrupt]
    public let reset: Reset
    /// Whether the configuration has to say what it does by DMA: no IOMMU knows it, and it isn't known to do none.
    public let needsWordOnDMA: Bool
    /// What keeps it from VFIO, or from being used then.
    public let obstacles: [BindingObstacle]
    public let verdict: Verdict

    /// What the guest's node is made from, with the first windows and SPIs that are free on `bus`.
    /// - Throws: `PassthroughError.bus` when there is no room.
    public func nodeRequest(on bus: BusMap) throws(PassthroughError) -> NodeRequest {
        do throws(PlatformBusError) {
            var request = NodeRequest(name: device.name, path: device.deviceTreeNode, regions: [], interrupts: [])
            // The kernel makes no resource of a block that it can't translate, nor of those behind it (Linux,
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
        } catch { throw .bus(device: device.name, error) }
    }
}

/// Looks at the host's devices without opening or changing anything. For one question, by one thread.
public final class HostSurvey {
    private let sysfs: Sysfs
    private let proc: Sysfs
    private let conditions: BindingConditions
    private let pageSize: UInt64
    private let tree: HostTree
    /// Devices that could not be read, by `devices()`.
    public private(set) var errors: [VFIOError] = []
    /// Read when the first device without a node asks for it.
    private lazy var memory = IOMemory(proc: proc)

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - proc: /proc
    ///   - pageSize: the host's, in bytes.
    /// - Throws: `VFIOError.sysfs` when it can't be told what the host needs for itself.
    public init(sysfs: Sysfs, proc: Sysfs, pageSize: UInt64 = MemoryMapping.pageSize) throws(VFIOError) {
        self.sysfs = sysfs
        self.proc = proc
        self.pageSize = pageSize
        conditions = try BindingConditions(sysfs: sysfs, proc: proc)
        tree = HostTree(sysfs)
    }

    /// Every platform and AMBA device that has registers or interrupts, sorted by bus and name.
    /// - Throws: `VFIOError.sysfs` when a bus can't be read; a device that can't goes to `errors`.
    public func devices() throws(VFIOError) -> [DeviceSurvey] {
        let (devices, errors) = try HostDevice.all(sysfs: sysfs)
        self.errors = errors
        var surveys: [DeviceSurvey] = []
        for device in devices {
            do throws(VFIOError) { surveys.append(try survey(device)) } catch { self.errors.append(error) }
        }
        return surveys.filter { !$0.regions.isEmpty || !$0.interrupts.isEmpty }
    }

    /// One device.
    /// - Parameter together: devices that are given to VFIO as well, and so don't hold its group.
    /// - Throws: `VFIOError.sysfs` when it can't be told what keeps it from VFIO.
    public func survey(_ device: HostDevice, together: Set<String> = []) throws(VFIOError) -> DeviceSurvey {
        let obstacles = try conditions.obstacles(to: device, together: together)
        let lines = lines(of: device)
        let isUnconfined = device.group?.isNoIOMMU ?? (device.diagnosis?.isBehindIOMMU == false)
        return DeviceSurvey(
            device: device, compatible: try conditions.compatible(of: device), regions: regions(of: device),
            interrupts: lines, reset: reset(of: device, obstacles),
            needsWordOnDMA: isUnconfined && DMAMasters.suspicion(of: device, sysfs) != nil, obstacles: obstacles,
            verdict: Self.verdict(device, obstacles, lines))
    }

    private func regions(of device: HostDevice) -> [DeviceSurvey.Region] {
        guard let node = device.deviceTreeNode else {
            return memory.blocks(of: device.name).map { region(nil, $0) }
        }
        let names = tree.value("reg-names", of: node)?.strings ?? []
        return HostAddresses.blocks(of: node, tree: tree)
            .enumerated().map { region(names.indices.contains($0.offset) ? names[$0.offset] : nil, $0.element) }
    }

    private func region(_ name: String?, _ block: HostAddresses.Block) -> DeviceSurvey.Region {
        // As vfio-platform decides (Linux, drivers/vfio/platform/vfio_platform_common.c, vfio_platform_regions_init).
        let access: DeviceSurvey.Region.Access
        if block.size == 0 {
            access = .empty
        } else if let address = block.address {
            access =
                if address % pageSize != 0 {
                    .trappedForAddress(pageSize: pageSize)
                } else {
                    block.size % pageSize != 0 ? .trappedForSize(pageSize: pageSize) : .mappable
                }
        } else {
            access = .unknown
        }
        return DeviceSurvey.Region(name: name, hostAddress: block.address, size: block.size, access: access)
    }

    private func lines(of device: HostDevice) -> [DeviceSurvey.Interrupt] {
        guard let node = device.deviceTreeNode else { return [] }
        let names = tree.value("interrupt-names", of: node)?.strings ?? []
        return HostInterrupts(tree: tree).specifiers(of: node).enumerated().map { index, specifier in
            DeviceSurvey.Interrupt(
                name: names.indices.contains(index) ? names[index] : nil, trigger: specifier.trigger,
                isPerCPU: specifier.isPerCPU)
        }
    }

    private func reset(of device: HostDevice, _ obstacles: [BindingObstacle]) -> DeviceSurvey.Reset {
        let hasNone = obstacles.contains { if case .noReset = $0 { true } else { false } }
        if hasNone { return .no }
        // vfio-amba asks for none, whatever reset_required says (drivers/vfio/platform/vfio_amba.c).
        let isRequired = conditions.isResetRequired && device.bus == .platform
        return isRequired && device.state == .ready ? .yes : .knownOnceOpen
    }

    private static func verdict(
        _ device: HostDevice, _ obstacles: [BindingObstacle], _ interrupts: [DeviceSurvey.Interrupt]
    ) -> DeviceSurvey.Verdict {
        var reasons = obstacles.filter(\.isFinal).map(\.summary)
        if !obstacles.contains(where: \.isHostPart), interrupts.contains(where: \.isPerCPU) {
            reasons.append(BindingObstacle.hostPart(.perCPU).summary)
        }
        if !reasons.isEmpty { return .impossible(reasons) }
        if !obstacles.isEmpty { return .needs(obstacles.map(\.summary)) }
        return device.state == .ready ? .ready : .needsBind
    }
}

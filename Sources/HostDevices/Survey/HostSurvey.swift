// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
public import LinuxSystem
internal import PlatformBus

/// Examines the host's devices without opening or changing anything.
///
/// Create one for each question; one thread uses it.
public final class HostSurvey {
    private let sysfs: Sysfs
    private let proc: Sysfs
    private let conditions: BindingConditions
    private let pageSize: UInt64
    private let tree: HostTree
    private let interrupts: HostInterrupts
    private let state: HostState
    /// Devices by the paths of their nodes in the device tree, read at the first use.
    private lazy var names = readNames()
    /// The errors of devices that `devices()` could not read.
    public private(set) var errors: [HostDeviceError] = []
    /// Read when the first device without a node needs it.
    private lazy var memory = IOMemory(proc: proc)

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - proc: /proc
    ///   - debugFS: reads debugfs where it isn't mounted; nil to not read it then.
    ///   - pageSize: the host's page size in bytes.
    /// - Throws: `HostDeviceError.sysfs` when a file that names devices which the host needs can't be read.
    public init(
        sysfs: Sysfs, proc: Sysfs, debugFS: (any DebugFSCalls)? = nil, pageSize: UInt64 = MemoryMapping.pageSize
    ) throws(HostDeviceError) {
        self.sysfs = sysfs
        self.proc = proc
        self.pageSize = pageSize
        conditions = try BindingConditions(sysfs: sysfs, proc: proc)
        tree = HostTree(sysfs)
        state = HostState(sysfs: sysfs, debugFS: debugFS)
        interrupts = HostInterrupts(tree: tree)
    }

    /// Every platform and AMBA device that has registers or interrupts, sorted by bus and name.
    /// - Throws: `HostDeviceError.sysfs` when a bus can't be read; the error of a device that can't be read goes to
    ///   `errors`.
    public func devices() throws(HostDeviceError) -> [DeviceSurvey] {
        let (devices, errors) = try HostDevice.all(sysfs: sysfs)
        self.errors = errors
        var surveys: [DeviceSurvey] = []
        for device in devices {
            do throws(HostDeviceError) { surveys.append(try survey(device)) } catch { self.errors.append(error) }
        }
        return surveys.filter { !$0.regions.isEmpty || !$0.interrupts.isEmpty }
    }

    /// Examines one device.
    /// - Parameter together: devices that are given to VFIO too, and so don't hold its group.
    /// - Throws: `HostDeviceError.sysfs` when a file that could show a problem can't be read.
    public func survey(_ device: HostDevice, together: Set<String> = []) throws(HostDeviceError) -> DeviceSurvey {
        let properties = conditions.properties(of: device)
        let problems = try conditions.problems(to: device, properties, together: together)
        let lines = lines(of: device)
        let (record, losses) = record(of: device)
        let compatible = try properties?.strings("compatible") ?? []
        let isUnconfined = device.group?.isNoIOMMU ?? (device.diagnosis?.isBehindIOMMU == false)
        return DeviceSurvey(
            device: device, compatible: compatible, regions: regions(of: device),
            interrupts: lines, reset: reset(of: device, problems),
            needsDMASetting: isUnconfined && DMAMasters.possibleMaster(of: device, sysfs) != nil, problems: problems,
            verdict: Self.verdict(device, problems, lines), record: record, losses: losses,
            powerProblem: isPast(device) ? record.flatMap(state.problem) : nil,
            parent: try ParentDriver(of: device, sysfs: sysfs),
            isIdleTransport: compatible.contains("virtio,mmio") && isIdle(device))
    }

    /// The driver's resources, or those that `bind` recorded, with those that are off since.
    private func record(of device: HostDevice) -> (HostRecord?, [PowerLoss]) {
        if !isPast(device) { return (state.record(of: device), []) }
        do throws(Errno) {
            let record = try HostRecord(of: device.name, system: sysfs.system)
            return (record, record.map(state.losses) ?? [])
        } catch {
            var unknown = HostRecord()
            unknown.gaps = [.init(what: "clocks and supplies", errno: error)]
            return (unknown, [])
        }
    }

    /// Whether the host's driver no longer has the device.
    private func isPast(_ device: HostDevice) -> Bool {
        device.driver == nil || device.driver == device.bus.vfioDriver
    }

    /// Whether it is a virtio transport that VFIO doesn't have, with no virtio device below it.
    private func isIdle(_ device: HostDevice) -> Bool {
        guard device.driver != device.bus.vfioDriver else { return false }
        return (try? sysfs.system.listDirectory(device.path))?.contains { $0.hasPrefix("virtio") } != true
    }

    /// The device of a node, by the node's path in the device tree; nil if there is none.
    public func device(ofNode path: String) -> String? { names[path] }

    private func readNames() -> [String: String] {
        var names: [String: String] = [:]
        for bus in HostDevice.Bus.allCases {
            let folder = "bus/\(bus.rawValue)/devices"
            for name in (try? sysfs.names(folder)) ?? [] {
                guard let link = try? sysfs.system.readLink("\(sysfs.root)/\(folder)/\(name)/of_node") else { continue }
                if let path = HostTree.path(inLink: link), names[path] == nil { names[path] = name }
            }
        }
        return names
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
        return interrupts.specifiers(of: node).enumerated().map { index, specifier in
            DeviceSurvey.Interrupt(
                name: names.indices.contains(index) ? names[index] : nil, trigger: specifier.trigger,
                isPerCPU: specifier.isPerCPU)
        }
    }

    private func reset(of device: HostDevice, _ problems: [BindingProblem]) -> DeviceSurvey.Reset {
        let hasNone = problems.contains { if case .noReset = $0 { true } else { false } }
        if hasNone { return .no }
        // vfio-amba doesn't need one, whatever reset_required says (drivers/vfio/platform/vfio_amba.c).
        let isRequired = conditions.isResetRequired && device.bus == .platform
        return isRequired && device.state == .ready ? .yes : .knownOnceOpen
    }

    private static func verdict(
        _ device: HostDevice, _ problems: [BindingProblem], _ interrupts: [DeviceSurvey.Interrupt]
    ) -> DeviceSurvey.Verdict {
        var reasons = problems.filter(\.isFinal).map(\.summary)
        if !problems.contains(where: \.isHostPart), interrupts.contains(where: \.isPerCPU) {
            reasons.append(BindingProblem.hostPart(.perCPU).summary)
        }
        if !reasons.isEmpty { return .impossible(reasons) }
        if !problems.isEmpty { return .needs(problems.map(\.summary)) }
        return device.state == .ready ? .ready : .needsBind
    }
}

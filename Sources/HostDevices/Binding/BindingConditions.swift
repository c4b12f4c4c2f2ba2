// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The host's conditions for giving devices to VFIO, read once for any number of devices.
public struct BindingConditions: Sendable {
    private let sysfs: Sysfs
    private let uses: HostUses
    /// Present when vfio-platform refuses devices that the kernel can't reset (vfio_platform.reset_required).
    private let resetFunctions: ResetFunctions?
    /// Whether vfio-platform refuses devices that the kernel can't reset.
    public var isResetRequired: Bool { resetFunctions != nil }

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - proc: /proc
    /// - Throws: `HostDeviceError.sysfs` when a file that names devices which the host needs can't be read.
    public init(sysfs: Sysfs, proc: Sysfs) throws(HostDeviceError) {
        self.sysfs = sysfs
        uses = try HostUses(sysfs: sysfs, proc: proc)
        let isResetRequired = try SysfsDevices(sysfs: sysfs, device: "the host").isResetRequired
        resetFunctions = isResetRequired ? try ResetFunctions(proc: proc) : nil
    }

    /// Everything that keeps `device` from VFIO, or from being used once VFIO has it; none when `martlet bind` is
    /// enough.
    /// - Parameter together: names of devices that are given to VFIO too, and so don't hold the group.
    /// - Throws: `HostDeviceError.sysfs` for a file that can't be read, because it could show a problem.
    public func problems(
        to device: HostDevice, together: Set<String> = []
    ) throws(HostDeviceError) -> [BindingProblem] {
        try problems(to: device, properties(of: device), together: together)
    }

    /// The properties of the device's node; nil without one.
    func properties(of device: HostDevice) -> NodeProperties? { NodeProperties(of: device, system: sysfs.system) }

    /// - Parameter properties: the properties of the device's node.
    func problems(
        to device: HostDevice, _ properties: NodeProperties?, together: Set<String>
    ) throws(HostDeviceError) -> [BindingProblem] {
        // No remedy of another problem would help then.
        if let properties, let part = try HostPart(device, properties) { return [.hostPart(part)] }
        var problems: [BindingProblem] = []
        if device.driver != device.bus.vfioDriver {
            problems += uses.uses(of: device).map(BindingProblem.usedByHost)
            if try properties?.strings("device_type") == ["pci"] { problems.append(.pciHost) }
            if let driver = device.driver, try !canUnbind(driver, of: device) {
                problems.append(.driverStays(driver))
            }
            if device.diagnosis?.isVFIODriverLoaded == false { problems.append(.noVFIODriver(device.bus)) }
            if let resetFunctions, device.bus == .platform {
                let compatible = try properties?.strings("compatible").first
                if compatible.map(resetFunctions.contains) != true {
                    problems.append(.noReset(compatible: compatible))
                }
            }
        }
        if let problem = device.noIOMMU { problems.append(problem) }
        if let group = device.group {
            let holders = group.others.filter { $0.isHeldByHost && !together.contains($0.name) }
            if !holders.isEmpty {
                problems.append(
                    .groupHeld(HostDevice.IOMMUGroup(id: group.id, isNoIOMMU: group.isNoIOMMU, others: holders)))
            }
        }
        return problems
    }

    private func canUnbind(_ driver: String, of device: HostDevice) throws(HostDeviceError) -> Bool {
        try SysfsDevices(sysfs: sysfs, device: device.name)
            .isThere("\(sysfs.root)/bus/\(device.bus.rawValue)/drivers/\(driver)/unbind")
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// What the host says of giving devices to VFIO, read once for any number of devices.
public struct BindingConditions: Sendable {
    private let sysfs: Sysfs
    private let uses: HostUses
    /// Present where vfio-platform refuses devices that the kernel can't reset (vfio_platform.reset_required).
    private let resetFunctions: ResetFunctions?
    /// Whether vfio-platform refuses devices that the kernel can't reset.
    public var isResetRequired: Bool { resetFunctions != nil }

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - proc: /proc
    /// - Throws: `VFIOError.sysfs` when it can't be told what the host needs for itself.
    public init(sysfs: Sysfs, proc: Sysfs) throws(VFIOError) {
        self.sysfs = sysfs
        uses = try HostUses(sysfs: sysfs, proc: proc)
        let isResetRequired = SysfsDevices(sysfs: sysfs, device: "").isResetRequired
        resetFunctions = isResetRequired ? ResetFunctions(proc: proc) : nil
    }

    /// Everything that keeps `device` from VFIO, or from being used once VFIO has it; none when `martlet bind` is all it
    /// takes.
    /// - Parameter together: names of devices that are given to VFIO as well, and so don't hold the group.
    public func obstacles(to device: HostDevice, together: Set<String> = []) -> [BindingObstacle] {
        // What the others ask for would be for nothing.
        if let part = HostPart(device, sysfs: sysfs) { return [.hostPart(part)] }
        var obstacles: [BindingObstacle] = []
        if device.driver != device.bus.vfioDriver {
            obstacles += uses.uses(of: device).map(BindingObstacle.usedByHost)
            if strings("device_type", of: device) == ["pci"] { obstacles.append(.pciHost) }
            if let driver = device.driver, !canUnbind(driver, on: device.bus) {
                obstacles.append(.driverStays(driver))
            }
            if device.diagnosis?.isVFIODriverLoaded == false { obstacles.append(.noVFIODriver(device.bus)) }
            if let resetFunctions, device.bus == .platform {
                let compatible = compatible(of: device).first
                if compatible.map(resetFunctions.contains) != true {
                    obstacles.append(.noReset(compatible: compatible))
                }
            }
        }
        if let obstacle = device.noIOMMU { obstacles.append(obstacle) }
        if let group = device.group {
            let holders = group.others.filter { $0.isHeldByHost && !together.contains($0.name) }
            if !holders.isEmpty {
                obstacles.append(
                    .groupHeld(HostDevice.IOMMUGroup(id: group.id, isNoIOMMU: group.isNoIOMMU, others: holders)))
            }
        }
        return obstacles
    }

    /// What the device's node says it is, most specific first; empty where it has no node.
    public func compatible(of device: HostDevice) -> [String] { strings("compatible", of: device) }

    private func strings(_ property: String, of device: HostDevice) -> [String] {
        guard let node = device.deviceTreeNode,
            let bytes = try? sysfs.system.readFile("\(node)/\(property)", limit: 65536)
        else { return [] }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private func canUnbind(_ driver: String, on bus: HostDevice.Bus) -> Bool {
        let folder = "\(sysfs.root)/bus/\(bus.rawValue)/drivers/\(driver)"
        return (try? sysfs.system.isDirectory("\(folder)/unbind")) != nil
    }
}

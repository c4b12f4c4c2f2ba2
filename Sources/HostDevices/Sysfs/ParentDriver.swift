// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The driver that created a device: that of the node above the device's own (dwc3 below its glue, a MAC below FMan).
public struct ParentDriver: Equatable, Sendable {
    /// The parent device.
    public let device: String
    /// The parent's driver.
    public let driver: String

    /// Drivers of plain buses, which don't drive the devices on them.
    private static let ofBuses: Set<String> = ["simple-pm-bus", "ti-sysc", "vfio-platform", "vfio-amba"]

    /// Combines both.
    public init(device: String, driver: String) {
        self.device = device
        self.driver = driver
    }

    /// Finds the parent's driver; nil for a device that the kernel itself created from the device tree.
    /// - Throws: `HostDeviceError.sysfs`: a link can't be read.
    public init?(of device: HostDevice, sysfs: Sysfs) throws(HostDeviceError) {
        guard let node = device.deviceTreeNode, device.path.hasPrefix("\(sysfs.root)/") else { return nil }
        let tree = SysfsDevices(sysfs: sysfs, device: device.name)
        let parts = device.path.dropFirst(sysfs.root.utf8.count + 1).split(separator: "/")
        guard let name = parts.dropLast().last else { return nil }
        let path = parts.dropLast().joined(separator: "/")
        guard let driver = try tree.linkName("\(path)/driver"), !Self.ofBuses.contains(driver),
            let parent = try tree.target("\(path)/of_node").map(tree.absolute), node.hasPrefix("\(parent)/")
        else { return nil }
        self.device = String(name)
        self.driver = driver
    }
}

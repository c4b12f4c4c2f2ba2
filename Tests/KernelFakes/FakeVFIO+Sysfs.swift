// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
import VFIO

extension FakeKernel {
    /// Adds a device to the fake's sysfs, /dev and VFIO. By default it is bound to its VFIO driver, in its own group.
    ///
    /// - Parameters:
    ///   - group: the IOMMU group's number; nil for none.
    ///   - driver: its driver; "" for none, nil for the bus's VFIO driver.
    ///   - file: the number of its own file in /dev/vfio/devices, which also creates /dev/iommu; nil for none.
    ///   - properties: the properties of its device-tree node, which is created if there are any.
    public func addHostDevice(
        _ name: String, bus: HostDevice.Bus = .platform, group: Int? = 7, isNoIOMMU: Bool = false,
        driver: String? = nil, vfio: FakeVFIODevice? = FakeVFIODevice(), file: Int? = nil,
        properties: [String: [UInt8]] = [:]
    ) {
        let driver = driver ?? bus.vfioDriver
        let path = "/sys/devices/platform/\(name)"
        withState { state in
            state.links["/sys/bus/\(bus.rawValue)/devices/\(name)"] = "../../../devices/platform/\(name)"
            state.links["\(path)/subsystem"] = "../../../bus/\(bus.rawValue)"
            state.files["\(path)/uevent"] = []
            for file in ["bind", "unbind"] {
                state.files["/sys/bus/\(bus.rawValue)/drivers/\(bus.vfioDriver)/\(file)"] = []
            }
            if !driver.isEmpty {
                if driver != bus.vfioDriver { state.sysfs.naturalDrivers[name] = driver }
                for file in ["bind", "unbind"] {
                    state.files["/sys/bus/\(bus.rawValue)/drivers/\(driver)/\(file)"] = []
                }
                state.links["\(path)/driver"] = "../../../bus/\(bus.rawValue)/drivers/\(driver)"
            }
            if let group {
                let folder = "/sys/kernel/iommu_groups/\(group)"
                state.links["\(path)/iommu_group"] = "../../../kernel/iommu_groups/\(group)"
                state.links["\(folder)/devices/\(name)"] = "../../../../devices/platform/\(name)"
                if isNoIOMMU { state.files["\(folder)/name"] = Array("vfio-noiommu\n".utf8) }
                if driver == bus.vfioDriver {
                    state.devices.insert("/dev/vfio/\(isNoIOMMU ? "noiommu-" : "")\(group)")
                }
            }
            if !properties.isEmpty {
                state.links["\(path)/of_node"] = "../../../firmware/devicetree/base/soc/\(name)"
                for (property, content) in properties {
                    state.files["/sys/firmware/devicetree/base/soc/\(name)/\(property)"] = content
                }
            }
            if let file {
                state.files["\(path)/vfio-dev/vfio\(file)/dev"] = Array("511:\(file)\n".utf8)
                state.devices.formUnion(["/dev/iommu", "/dev/vfio/devices/vfio\(file)"])
                state.vfio.deviceFiles["/dev/vfio/devices/vfio\(file)"] = name
            }
            state.devices.insert("/dev/vfio/vfio")
            if let vfio { state.vfio.devices[name] = vfio }
        }
    }

    /// Makes the host need none of its devices: its file system is in memory, and it has no console.
    public func addIdleHost() {
        addFile("/proc/self/mountinfo", "1 1 0:2 / / rw - rootfs none rw\n")
        addFile("/proc/1/mountinfo", "1 1 0:2 / / rw - rootfs none rw\n")
        addFile("/proc/consoles", "")
    }

    /// Loads martlet-hold.
    public func addHoldModule() { addFile("/sys/devices/martlet-hold/held", "") }

    /// Writes a text file into the fake's tree.
    public func addFile(_ path: String, _ text: String) {
        withState { $0.files[path] = Array(text.utf8) }
    }
}

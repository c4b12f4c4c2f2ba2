// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import KernelFakes
import LinuxSystem

/// A fake host with a device tree whose root and /soc use two cells for addresses and for sizes.
struct Host {
    let kernel = FakeKernel()

    init() {
        kernel.setNode("", ["#address-cells": .cell(2), "#size-cells": .cell(2)])
        kernel.setNode("/soc", ["#address-cells": .cell(2), "#size-cells": .cell(2), "ranges": .empty])
    }

    var sysfs: Sysfs { Sysfs(system: kernel) }

    func setNode(_ path: String, _ properties: KeyValuePairs<String, PropertyValue>) {
        kernel.setNode(path, properties)
    }

    /// Adds a device whose node is /soc/NAME, with VFIO.
    func add(_ name: String, properties: [String: PropertyValue]) {
        kernel.addHostDevice(
            name, bus: .platform, group: 7, vfio: FakeVFIODevice(), properties: properties.mapValues(\.bytes))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
package import LinuxSystem

/// The numbers by which the IOMMU identifies a device.
package enum StreamIDs {
    /// The first cell of each entry of the device's `iommus`; none when the host's device tree doesn't have them.
    ///
    /// - SeeAlso: Linux, Documentation/devicetree/bindings/iommu/iommu.txt, arm,smmu-v3.yaml and arm,smmu.yaml
    package static func read(_ host: HostDevice, _ sysfs: Sysfs) -> [UInt32] {
        // "iommu" links to the IOMMU's entry in sysfs, and "device" from there to its hardware.
        guard let node = host.deviceTreeNode, let bytes = cells("\(node)/iommus", sysfs),
            let cellCount = cells("\(host.path)/iommu/device/of_node/#iommu-cells", sysfs).flatMap(\.cell),
            cellCount > 0
        else { return [] }
        var reader = bytes.reader
        var ids: [UInt32] = []
        var first: Phandle?
        // Another IOMMU may have more or fewer cells, so the cells after its phandle can't be read.
        while let phandle = reader.phandle(), phandle == first ?? phandle, let id = reader.number(cellCount: 1) {
            first = phandle
            ids.append(UInt32(truncatingIfNeeded: id))
            for _ in 1..<max(cellCount, 1) where reader.number(cellCount: 1) == nil { return ids }
        }
        return ids
    }

    private static func cells(_ path: String, _ sysfs: Sysfs) -> PropertyValue? {
        (try? sysfs.system.readFile(path, limit: 4096)).map { .bytes($0) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
package import LinuxSystem

/// The numbers by which the IOMMU knows a device.
package enum StreamIDs {
    /// The first cell of each entry of the device's `iommus`; none where the host's device tree doesn't tell.
    ///
    /// - SeeAlso: Linux, Documentation/devicetree/bindings/iommu/iommu.txt, arm,smmu-v3.yaml and arm,smmu.yaml
    package static func read(_ host: HostDevice, _ sysfs: Sysfs) -> [UInt32] {
        // "iommu" leads to the IOMMU's own entry in sysfs, and "device" from there to its hardware.
        guard let node = host.deviceTreeNode, let bytes = cells("\(node)/iommus", sysfs),
            let cellCount = cells("\(host.path)/iommu/device/of_node/#iommu-cells", sysfs).flatMap(\.cell),
            cellCount > 0
        else { return [] }
        var reader = bytes.reader
        var ids: [UInt32] = []
        var first: Phandle?
        // The cells of another IOMMU may be more or fewer: what is behind its phandle can't be told.
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

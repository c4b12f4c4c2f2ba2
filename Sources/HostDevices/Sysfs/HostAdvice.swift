// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Commands that several errors suggest.
package enum HostAdvice {
    package static let kernelLog = "run: dmesg | tail"

    /// How to make vfio-platform accept devices that the kernel can't reset.
    package static let resetNotRequired = [
        "to use it without a reset, start the host with vfio_platform.reset_required=0, or:",
        "run: modprobe -r vfio-platform && modprobe vfio-platform reset_required=0",
    ]

    /// The drivers that block the use of a group, and how to unbind them.
    package static func viability(_ group: HostDevice.IOMMUGroup) -> [String] {
        let holders = group.others.filter(\.isHeldByHost)
        if holders.isEmpty {
            return [
                "another process uses a device of the group",
                "run: fuser -v \(group.node) /dev/vfio/devices/*",
            ]
        }
        let list = holders.map { "\($0.name) (\($0.driver ?? "?"))" }.joined(separator: ", ")
        return ["it shares an IOMMU group with devices that host drivers use: \(list)"]
            + holders.map {
                "run: echo \($0.name) > /sys/kernel/iommu_groups/\(group.id)/devices/\($0.name)/driver/unbind"
            }
    }
}

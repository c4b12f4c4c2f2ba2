// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Commands that several errors advise.
package enum HostAdvice {
    package static let kernelLog = "run: dmesg | tail"

    /// How vfio-platform is told to take devices that the kernel can't reset.
    package static let resetNotRequired = [
        "to use it without a reset, start the host with vfio_platform.reset_required=0, or:",
        "run: modprobe -r vfio-platform && modprobe vfio-platform reset_required=0",
    ]

    /// Who stands in the way of a group's use, and how to make them leave.
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

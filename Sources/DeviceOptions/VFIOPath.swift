// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The two ways of the kernel to give a device to user space.
public enum VFIOPath: String, CaseIterable, Sendable {
    /// The device's own file where there is one and /dev/iommu, otherwise its group.
    case automatic = "auto"
    /// The device's own file, /dev/vfio/devices/vfioN, and an address space of /dev/iommu.
    case cdev
    /// The file of its group, /dev/vfio/N, and a container.
    case group
}

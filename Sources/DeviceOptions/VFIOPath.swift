// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The kernel's two interfaces that give a device to user space.
public enum VFIOPath: String, CaseIterable, Sendable {
    /// The device's own file and /dev/iommu if both exist; otherwise its group.
    case automatic = "auto"
    /// The device's own file, /dev/vfio/devices/vfioN, and an address space of /dev/iommu.
    case cdev
    /// The file of its group, /dev/vfio/N, and a container.
    case group
}

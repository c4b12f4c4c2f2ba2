// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a device may reach by DMA.
public enum VFIODMAMode: String, CaseIterable, Sendable {
    /// The guest's memory where an IOMMU sees to it. Where there is none it is untranslated: only for devices that do no DMA.
    case automatic = "auto"
    /// The guest's memory, behind an IOMMU or not at all.
    case iommu
    /// Nothing: behind an IOMMU, DMA faults.
    case none
    /// The host's physical memory, without an IOMMU.
    case identity
}

/// What a device that is open can reach by DMA.
public enum VFIOReach: Sendable {
    /// What was mapped for the guest, and nothing else.
    case guestMemory
    /// Nothing at all.
    case nothing
    /// Whatever the hardware lets it: no IOMMU translates its addresses.
    case hostMemory
}

/// The two ways of the kernel to give a device to user space.
public enum VFIOPath: String, CaseIterable, Sendable {
    /// The device's own file where there is one and /dev/iommu, otherwise its group.
    case automatic = "auto"
    /// The device's own file, /dev/vfio/devices/vfioN, and an address space of /dev/iommu.
    case cdev
    /// The file of its group, /dev/vfio/N, and a container.
    case group
}

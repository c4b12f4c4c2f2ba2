// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a device may reach by DMA.
public enum VFIODMAMode: String, CaseIterable, Sendable {
    /// The guest's memory, if there is an IOMMU.
    ///
    /// Without one DMA is untranslated: only for devices that do no DMA.
    case automatic = "auto"
    /// The guest's memory, through an IOMMU; a device without one is refused.
    case iommu
    /// Nothing: behind an IOMMU, all DMA faults.
    case none
    /// All of the host's physical memory, without an IOMMU: the guest's RAM is at its host-physical addresses.
    case identity
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a device may reach by DMA.
public enum VFIODMAMode: String, CaseIterable, Sendable {
    /// The guest's memory where an IOMMU sees to it. Where there is none it is untranslated: only for devices that do
    /// no DMA.
    case automatic = "auto"
    /// The guest's memory, behind an IOMMU or not at all.
    case iommu
    /// Nothing: behind an IOMMU, DMA faults.
    case none
    /// The host's physical memory, all of it, without an IOMMU: the guest's RAM is where it is on the host.
    case identity
}

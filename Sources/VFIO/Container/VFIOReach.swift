// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a device that is open can reach by DMA.
public enum VFIOReach: Sendable {
    /// What was mapped for the guest, and nothing else.
    case guestMemory
    /// Nothing at all.
    case nothing
    /// Whatever the hardware lets it: no IOMMU translates its addresses.
    case hostMemory
}

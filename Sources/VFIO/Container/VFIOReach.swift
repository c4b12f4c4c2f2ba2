// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What an open device can reach by DMA.
public enum VFIOReach: Sendable {
    /// Only what was mapped for the guest.
    case guestMemory
    /// Nothing at all.
    case nothing
    /// Everything that the hardware allows: no IOMMU translates its addresses.
    case hostMemory
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A DMA access that an IOMMU refused, as the host's kernel logs it.
struct DMAFault: Equatable, Sendable {
    /// The IOMMU's name on its bus.
    let iommu: String
    /// The number by which the IOMMU identifies the device.
    let streamID: UInt32
    /// The target address; nil when the IOMMU doesn't report it, because it refused all DMA of the device.
    let address: UInt64?
    /// Whether it was a write; nil when the IOMMU doesn't report it.
    let isWrite: Bool?
}

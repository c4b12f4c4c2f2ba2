// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A DMA access that an IOMMU refused, as the host's kernel logs it.
struct DMAFault: Equatable, Sendable {
    /// The IOMMU's name on its bus.
    let iommu: String
    /// By which number the IOMMU knows the device.
    let streamID: UInt32
    /// Where it was to go; nil where the IOMMU doesn't say, since it refused the device as such.
    let address: UInt64?
    /// nil where the IOMMU doesn't say.
    let isWrite: Bool?
}

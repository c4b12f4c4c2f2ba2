// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The sizes of a drive.
struct DriveGeometry: Equatable, Sendable {
    /// The size of a sector in bytes, everywhere in virtio (virtio 1.2, 5.2).
    static let sectorSize: UInt64 = 512

    /// In sectors of 512 bytes, at least one.
    let sectorCount: UInt64
    /// The unit of the guest's reads and writes, in bytes: a power of two, at least 512.
    var blockSize: UInt32 = 512
    /// The unit of the host's disk, in bytes: `blockSize` times a power of two.
    var physicalBlockSize: UInt32 = 4096

    /// The geometry of a regular file: the host's file systems use the host's page size.
    init(sectorCount: UInt64) { self.sectorCount = sectorCount }

    /// The geometry of a block device; the reported block sizes are used if they are plausible.
    init(_ device: BlockGeometry) {
        sectorCount = device.size / Self.sectorSize
        let logical = device.logicalBlockSize
        if logical >= 512, logical.nonzeroBitCount == 1 { blockSize = logical }
        let physical = device.physicalBlockSize
        physicalBlockSize = physical >= blockSize && physical.nonzeroBitCount == 1 ? physical : blockSize
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The sizes of a drive.
struct DriveGeometry: Equatable, Sendable {
    /// What sectors are everywhere in virtio, in bytes (virtio 1.2, 5.2).
    static let sectorSize: UInt64 = 512

    /// In sectors of 512 bytes, at least one.
    let sectorCount: UInt64
    /// The unit that the guest reads and writes in, in bytes: a power of two from 512 up.
    var blockSize: UInt32 = 512
    /// The unit that the host's disk works in, in bytes: `blockSize` times a power of two.
    var physicalBlockSize: UInt32 = 4096

    /// Of a regular file: the host's pages are what its file systems work in.
    init(sectorCount: UInt64) { self.sectorCount = sectorCount }

    /// Of a block device; what it says of its blocks counts where it makes sense.
    init(_ device: BlockGeometry) {
        sectorCount = device.size / Self.sectorSize
        let logical = device.logicalBlockSize
        if logical >= 512, logical.nonzeroBitCount == 1 { blockSize = logical }
        let physical = device.physicalBlockSize
        physicalBlockSize = physical >= blockSize && physical.nonzeroBitCount == 1 ? physical : blockSize
    }
}

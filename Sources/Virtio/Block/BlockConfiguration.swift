// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The configuration space of a block device.
///
/// - SeeAlso: virtio 1.2, 5.2.4 Device configuration layout
struct BlockConfiguration: Equatable, Sendable {
    /// The whole space, up to the fields of secure erase, which no drive offers.
    let bytes: [UInt8]

    /// - Parameter queueSize: the largest number of descriptors of a request; header and status use two of them.
    init(_ geometry: DriveGeometry, queueCount: Int, queueSize: UInt16) {
        var bytes: [UInt8] = []
        func append<Number: FixedWidthInteger>(_ number: Number) {
            for index in 0..<(Number.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: number >> (index * 8))) }
        }
        let ratio = geometry.physicalBlockSize / geometry.blockSize
        append(geometry.sectorCount)  // 0: capacity
        append(UInt32(0))  // 8: size_max, which isn't offered
        append(UInt32(queueSize) - 2)  // 12: seg_max
        append(UInt32(0))  // 16: geometry, which isn't offered
        append(geometry.blockSize)  // 20: blk_size
        append(UInt8(ratio.trailingZeroBitCount))  // 24: physical_block_exp
        append(UInt8(0))  // 25: alignment_offset
        append(UInt16(clamping: ratio))  // 26: min_io_size, in blocks
        append(UInt32(0))  // 28: opt_io_size: none is better than another
        append(UInt8(0))  // 32: writeback, which isn't offered
        append(UInt8(0))
        append(UInt16(clamping: queueCount))  // 34: num_queues
        append(BlockRequest.Limits.rangeSectors)  // 36: max_discard_sectors
        append(UInt32(BlockRequest.Limits.rangeCount))  // 40: max_discard_seg
        append(geometry.physicalBlockSize / UInt32(DriveGeometry.sectorSize))  // 44: discard_sector_alignment
        append(BlockRequest.Limits.rangeSectors)  // 48: max_write_zeroes_sectors
        append(UInt32(BlockRequest.Limits.rangeCount))  // 52: max_write_zeroes_seg
        append(UInt8(1))  // 56: write_zeroes_may_unmap
        bytes += [0, 0, 0]
        self.bytes = bytes
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The features that device and driver agree on, one bit each.
///
/// - SeeAlso: virtio 1.2, 2.2 Feature Bits; 6 Reserved Feature Bits; 5.2.3 for block devices
struct VirtioFeatures: OptionSet, Equatable, Sendable {
    let rawValue: UInt64

    // Of every device.

    /// VIRTIO_F_INDIRECT_DESC: a descriptor may refer to a table of descriptors.
    static let indirectDescriptors = VirtioFeatures(rawValue: 1 << 28)
    /// VIRTIO_F_EVENT_IDX: each side sets the index at which it wants a notification.
    static let eventIndex = VirtioFeatures(rawValue: 1 << 29)
    /// VIRTIO_F_VERSION_1: the device isn't a legacy device.
    static let version1 = VirtioFeatures(rawValue: 1 << 32)
    /// The features of every device of Martlet.
    static let ofAll: VirtioFeatures = [.indirectDescriptors, .eventIndex, .version1]

    // Of block devices.

    /// VIRTIO_BLK_F_SEG_MAX: `seg_max` is valid.
    static let segmentLimit = VirtioFeatures(rawValue: 1 << 2)
    /// VIRTIO_BLK_F_RO: the drive can't be written to.
    static let readOnly = VirtioFeatures(rawValue: 1 << 5)
    /// VIRTIO_BLK_F_BLK_SIZE: `blk_size` is valid.
    static let blockSize = VirtioFeatures(rawValue: 1 << 6)
    /// VIRTIO_BLK_F_FLUSH: there is a flush command.
    static let flush = VirtioFeatures(rawValue: 1 << 9)
    /// VIRTIO_BLK_F_TOPOLOGY: `topology` is valid.
    static let topology = VirtioFeatures(rawValue: 1 << 10)
    /// VIRTIO_BLK_F_MQ: `num_queues` is valid.
    static let multipleQueues = VirtioFeatures(rawValue: 1 << 12)
    /// VIRTIO_BLK_F_DISCARD: there is a discard command.
    static let discard = VirtioFeatures(rawValue: 1 << 13)
    /// VIRTIO_BLK_F_WRITE_ZEROES: there is a command that writes zeroes.
    static let writeZeroes = VirtioFeatures(rawValue: 1 << 14)
}

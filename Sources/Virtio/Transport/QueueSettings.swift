// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The driver's settings of a queue.
struct QueueSettings: Equatable, Sendable {
    /// The largest size that the device supports, in descriptors: a power of two.
    let limit: UInt16
    /// The size in descriptors; 0 before the driver has set it.
    var size: UInt16 = 0
    var isReady = false
    /// Guest-physical addresses of the descriptor table, the available ring and the used ring.
    var descriptors: UInt64 = 0
    var available: UInt64 = 0
    var used: UInt64 = 0

    init(limit: UInt16) { self.limit = limit }

    /// Whether the queue may be made ready: the size is valid, and each address is aligned as virtio 1.2, 2.7 requires.
    var isUsable: Bool {
        size > 0 && descriptors.isMultiple(of: 16) && available.isMultiple(of: 2) && used.isMultiple(of: 4)
    }
}

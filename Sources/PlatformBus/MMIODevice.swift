// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A device behind a trapped region.
///
/// It is called on vCPU threads, on several at a time: each device guards its own state with its own lock.
public protocol MMIODevice: AnyObject, Sendable {
    /// The little-endian value at `offset` bytes from the region's base.
    ///
    /// The access lies wholly in the region; it needn't be aligned. Bits beyond `width` are dropped by the bus.
    func read(offset: UInt64, width: AccessWidth) -> UInt64

    /// Stores `value` at `offset` bytes from the region's base; bits beyond `width` are zero.
    func write(offset: UInt64, width: AccessWidth, value: UInt64)
}

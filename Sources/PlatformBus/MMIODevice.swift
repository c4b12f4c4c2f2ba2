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

    /// Tells of a load or store to the region that the hardware hadn't described: its accesses came as usual if it was
    /// performed, otherwise it was answered with a data abort. A device that doesn't count them needn't have this.
    func note(_ access: UndescribedAccess)
}

extension MMIODevice {
    /// Does nothing, for a device that counts no such accesses.
    public func note(_ access: UndescribedAccess) {}
}

/// What became of a load or store without a syndrome from the hardware.
public enum UndescribedAccess: Sendable {
    /// The instruction was decoded and performed.
    case emulated
    /// The guest got a data abort.
    case aborted
}

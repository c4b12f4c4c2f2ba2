// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A device behind a trapped region.
///
/// Several vCPU threads may call it at the same time: each device guards its own state with its own lock.
public protocol MMIODevice: AnyObject, Sendable {
    /// Reads the little-endian value at `offset` bytes from the region's base.
    ///
    /// The whole access is inside the region; it may be unaligned. The bus drops bits beyond `width`.
    func read(offset: UInt64, width: AccessWidth) -> UInt64

    /// Stores `value` at `offset` bytes from the region's base; bits beyond `width` are zero.
    func write(offset: UInt64, width: AccessWidth, value: UInt64)

    /// Reports a load or store to the region that the hardware hadn't described.
    ///
    /// If it was emulated, its accesses arrived as usual; otherwise the guest got a data abort. A device that doesn't
    /// count them needs no such method.
    func note(_ access: UndescribedAccess)
}

extension MMIODevice {
    /// Does nothing, for a device that doesn't count such accesses.
    public func note(_ access: UndescribedAccess) {}
}

/// The outcome of a load or store without a syndrome from the hardware.
public enum UndescribedAccess: Sendable {
    /// The instruction was decoded and emulated.
    case emulated
    /// The guest got a data abort.
    case aborted
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A range of the guest-physical address space.
///
/// It is never empty, and it may end with the very last byte, 2^64 - 1.
public struct GuestRange: Hashable, Sendable, CustomStringConvertible {
    /// The first byte's address.
    public let base: GuestAddress
    /// The size in bytes, at least 1.
    public let size: UInt64

    /// The range of `size` bytes from `base`; nil if it is empty or reaches beyond 2^64 - 1.
    public init?(base: GuestAddress, size: UInt64) {
        guard size > 0, base.adding(size - 1) != nil else { return nil }
        self.base = base
        self.size = size
    }

    /// The last byte's address, which is part of the range.
    public var last: GuestAddress {
        // Can't overflow: `init` has checked this sum.
        GuestAddress(base.rawValue &+ (size &- 1))
    }

    /// Whether the two have a byte in common.
    public func overlaps(_ other: GuestRange) -> Bool {
        base <= other.last && other.base <= last
    }

    /// Whether this range contains all of `other`.
    public func contains(_ other: GuestRange) -> Bool {
        base <= other.base && other.last <= last
    }

    /// Whether this range contains the byte at `address`.
    public func contains(_ address: GuestAddress) -> Bool {
        base <= address && address <= last
    }

    /// "0x9010000-0x9010fff", both ends included, as in the kernel's /proc/iomem.
    public var description: String { "\(base)-\(last)" }
}

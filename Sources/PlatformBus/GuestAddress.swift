// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A guest-physical address (IPA), in bytes.
public struct GuestAddress: RawRepresentable, Comparable, Hashable, Sendable, CustomStringConvertible {
    /// The address in bytes.
    public let rawValue: UInt64

    /// Creates the address `rawValue`.
    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Creates the address `rawValue`, without a label.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The address plus `bytes`; nil when it is beyond 2^64 - 1.
    public func adding(_ bytes: UInt64) -> GuestAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(bytes)
        return overflow ? nil : GuestAddress(sum)
    }

    /// The lowest multiple of `alignment` that isn't below this address; nil when it is beyond 2^64 - 1.
    ///
    /// `alignment` is a power of two; anything else gives nil.
    public func aligned(to alignment: UInt64) -> GuestAddress? {
        guard alignment.nonzeroBitCount == 1 else { return nil }
        return adding(alignment - 1).map { GuestAddress($0.rawValue & ~(alignment - 1)) }
    }

    /// Whether the address is a multiple of `alignment`, which must be a power of two (otherwise false).
    public func isAligned(to alignment: UInt64) -> Bool {
        alignment.nonzeroBitCount == 1 && rawValue & (alignment - 1) == 0
    }

    /// Numeric order.
    @inlinable
    public static func < (left: GuestAddress, right: GuestAddress) -> Bool {
        left.rawValue < right.rawValue
    }

    /// "0x9010000".
    public var description: String { hex(rawValue) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Addresses that a device uses (I/O virtual addresses), both ends included.
public struct IOVARange: Equatable, Sendable, CustomStringConvertible {
    /// The lowest address.
    public let first: UInt64
    /// The highest address.
    public let last: UInt64

    /// Combines both ends; `last` is at least `first`.
    public init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }

    /// "0x8000000-0x80fffff"
    public var description: String { "\(hex(first))-\(hex(last))" }

    package func overlaps(_ other: IOVARange) -> Bool { first <= other.last && other.first <= last }
}

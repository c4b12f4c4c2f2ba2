// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The place of a device's interrupt status: on the eventfd path only an access to it ends an interrupt.
public struct EndOfInterrupt: Equatable, Sendable {
    /// The region's index.
    public var region: Int
    /// The offset from the region's base, in bytes.
    public var offset: UInt64
    /// The length in bytes, at least 1.
    public var length: UInt64

    /// `length` bytes at `offset` of the region with this index.
    public init(region: Int = 0, offset: UInt64, length: UInt64 = Self.defaultLength) {
        self.region = region
        self.offset = offset
        self.length = length
    }

    /// A status register of 32 bits.
    public static var defaultLength: UInt64 { 4 }
}

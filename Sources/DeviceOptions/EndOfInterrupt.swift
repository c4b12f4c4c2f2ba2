// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Where a device's interrupt status lives: on the eventfd path only an access to it ends an interrupt.
public struct EndOfInterrupt: Equatable, Sendable {
    /// The region's index.
    public var region: Int
    /// In bytes from the region's base.
    public var offset: UInt64
    /// In bytes, at least 1.
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A global system interrupt.
///
/// On arm64 with KVM's default routing it is the number of an SPI: intid - 32.
public struct GSI: RawRepresentable, Hashable, Sendable {
    /// The number, from 0.
    public let rawValue: UInt32
    /// The GSI with that number.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
}

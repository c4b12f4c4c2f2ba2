// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A shared peripheral interrupt, numbered from 0 as in the device tree.
///
/// Devicetree binding interrupt-controller/arm,gic-v3.yaml, "interrupt-cells"; GICv3 specification, 2.2.1 (INTIDs).
public struct SPI: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The largest number of SPIs of a GIC: INTIDs 32 to 1019.
    public static let maximumCount: UInt32 = 988

    /// The number, from 0.
    public let rawValue: UInt32

    /// Creates the SPI `rawValue`.
    ///
    /// A bus accepts only those below its own `spiCount`.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The GIC's own number of it: SPIs begin at INTID 32.
    public var intid: UInt32 { rawValue &+ 32 }

    /// Numeric order.
    public static func < (left: SPI, right: SPI) -> Bool {
        left.rawValue < right.rawValue
    }

    /// "SPI 3".
    public var description: String { "SPI \(rawValue)" }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A step of a device's reset: an access to one of its registers, or a wait.
public enum ResetStep: Equatable, Sendable {
    /// A register of the device.
    public struct Register: Equatable, Sendable {
        /// The region's index.
        public var region: Int
        /// The offset from the region's base in bytes; a multiple of `width`.
        public var offset: UInt64
        /// The width in bytes: 1, 2, 4 or 8. VFIO splits an access of 8 bytes into two halves, the lower one first.
        public var width: Int

        /// The register of `width` bytes that is `offset` bytes from the region's base.
        public init(region: Int = 0, offset: UInt64, width: Int = Self.defaultWidth) {
            self.region = region
            self.offset = offset
            self.width = width
        }

        /// The default width in bytes.
        public static var defaultWidth: Int { 4 }
        /// All allowed widths.
        public static var widths: [Int] { [1, 2, 4, 8] }

        /// All bits of the register.
        public var allBits: UInt64 { width >= 8 ? .max : (1 << UInt64(8 * max(width, 0))) - 1 }
    }

    /// Writes the bits of `value` that are in `mask`, and keeps the others.
    ///
    /// If `mask` has all bits, the register isn't read first.
    case write(Register, value: UInt64, mask: UInt64)
    /// Sets the bits of `mask`.
    case set(Register, mask: UInt64)
    /// Clears the bits of `mask`.
    case clear(Register, mask: UInt64)
    /// Waits until the bits of `mask` equal those of `value`; fails after the time-out.
    case poll(Register, value: UInt64, mask: UInt64, timeoutMilliseconds: Int)
    /// Waits for at least this long.
    case delay(milliseconds: Int)

    /// How long one step may wait, in milliseconds.
    public static var waitLimitMilliseconds: Int { 5000 }
    /// How long `poll` waits by default, in milliseconds.
    public static var defaultTimeoutMilliseconds: Int { 100 }

    /// The longest time that the step waits, in milliseconds.
    public var longestWaitMilliseconds: Int {
        switch self {
        case .write, .set, .clear: 0
        case .poll(_, _, _, let milliseconds), .delay(let milliseconds): milliseconds
        }
    }
}

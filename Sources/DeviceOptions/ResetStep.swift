// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A step of a device's reset: an access to one of its registers, or a wait.
public enum ResetStep: Equatable, Sendable {
    /// A register of the device.
    public struct Register: Equatable, Sendable {
        /// The region's index.
        public var region: Int
        /// In bytes from the region's base; a multiple of `width`.
        public var offset: UInt64
        /// In bytes: 1, 2, 4 or 8. VFIO accesses 8 bytes as two halves, the lower one first.
        public var width: Int

        /// The register of `width` bytes at `offset`.
        /// In bytes, where a step has none of its own.
        public init(region: Int = 0, offset: UInt64, width: Int = Self.defaultWidth) {
            self.region = region
            self.offset = offset
            self.width = width
        }

        /// In bytes, where a step has none of its own.
        public static var defaultWidth: Int { 4 }
        /// All widths that there are.
        public static var widths: [Int] { [1, 2, 4, 8] }

        /// All bits of the register.
        public var allBits: UInt64 { width >= 8 ? .max : (1 << UInt64(8 * max(width, 0))) - 1 }
    }

    /// Writes the bits of `value` that are in `mask`; the others stay as they are. With all bits in `mask` the
    /// register isn't read before.
    case write(Register, value: UInt64, mask: UInt64)
    /// Sets the bits of `mask`.
    case set(Register, mask: UInt64)
    /// Clears the bits of `mask`.
    case clear(Register, mask: UInt64)
    /// Waits until the bits of `mask` are those of `value`, or fails.
    case poll(Register, value: UInt64, mask: UInt64, timeoutMilliseconds: Int)
    /// Waits for at least so long.
    case delay(milliseconds: Int)

    /// How long one step may wait, in milliseconds.
    public static var waitLimitMilliseconds: Int { 5000 }
    /// How long `poll` waits where nobody says otherwise, in milliseconds.
    public static var defaultTimeoutMilliseconds: Int { 100 }

    /// The longest time that the step waits, in milliseconds.
    public var longestWaitMilliseconds: Int {
        switch self {
        case .write, .set, .clear: 0
        case .poll(_, _, _, let milliseconds), .delay(let milliseconds): milliseconds
        }
    }
}

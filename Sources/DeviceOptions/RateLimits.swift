// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Limits of a device's throughput: bytes and requests.
public struct RateLimits: Equatable, Sendable {
    /// A bucket of tokens: each action takes some, and they are refilled over time.
    public struct Bucket: Equatable, Sendable {
        /// The largest number of tokens in it, at least 1.
        public var size: UInt64
        /// Additional tokens that are available only once.
        public var oneTimeBurst: UInt64
        /// The time in which an empty bucket is refilled, in milliseconds, at least 1.
        public var refillMilliseconds: UInt64

        /// Combines the parts.
        public init(size: UInt64, oneTimeBurst: UInt64 = 0, refillMilliseconds: UInt64) {
            self.size = size
            self.oneTimeBurst = oneTimeBurst
            self.refillMilliseconds = refillMilliseconds
        }
    }

    /// A token for each byte; nil for no limit.
    public var bandwidth: Bucket?
    /// A token for each request; nil for no limit.
    public var operations: Bucket?

    /// Combines both.
    public init(bandwidth: Bucket? = nil, operations: Bucket? = nil) {
        self.bandwidth = bandwidth
        self.operations = operations
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How much a device may do in a time: bytes, and requests.
public struct RateLimits: Equatable, Sendable {
    /// A bucket of tokens: what is done takes some, and they come back with time.
    public struct Bucket: Equatable, Sendable {
        /// The most tokens that it holds, at least 1.
        public var size: UInt64
        /// Tokens that are there once, besides.
        public var oneTimeBurst: UInt64
        /// The time in which an empty bucket fills up, in milliseconds, at least 1.
        public var refillMilliseconds: UInt64

        /// Puts the parts together.
        public init(size: UInt64, oneTimeBurst: UInt64 = 0, refillMilliseconds: UInt64) {
            self.size = size
            self.oneTimeBurst = oneTimeBurst
            self.refillMilliseconds = refillMilliseconds
        }
    }

    /// A token for each byte; nil for any number.
    public var bandwidth: Bucket?
    /// A token for each request; nil for any number.
    public var operations: Bucket?

    /// Puts both together.
    public init(bandwidth: Bucket? = nil, operations: Bucket? = nil) {
        self.bandwidth = bandwidth
        self.operations = operations
    }
}

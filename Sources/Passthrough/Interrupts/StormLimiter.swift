// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Limits the interrupts of a line for each second: a bucket that holds one second's worth, and refills at that rate.
///
/// So a line that stays below the limit in each second is never delayed, and a faster one is delivered at the limit. A
/// level line that has used up the bucket stays masked until the next interrupt is allowed, even if it doesn't want to
/// fire.
struct StormLimiter: Equatable, Sendable {
    /// One second, and with it the bucket's size, in nanoseconds.
    private static let second: UInt64 = 1_000_000_000
    /// The time that one interrupt takes from the bucket, in nanoseconds.
    private let interval: UInt64
    private var credit = StormLimiter.second
    private var lastRefill: UInt64

    /// - Parameters:
    ///   - limit: interrupts a second; the result is nil for 0.
    ///   - now: nanoseconds on a clock that doesn't go back.
    init?(limit: Int, now: UInt64) {
        guard limit > 0 else { return nil }
        interval = max(Self.second / UInt64(limit), 1)
        lastRefill = now
    }

    /// How long until an interrupt is allowed, in nanoseconds; 0 if one is allowed now.
    mutating func wait(now: UInt64) -> UInt64 {
        let elapsed = now > lastRefill ? now - lastRefill : 0
        lastRefill = max(now, lastRefill)
        credit = elapsed >= Self.second ? Self.second : min(credit + elapsed, Self.second)
        return credit >= interval ? 0 : interval - credit
    }

    /// Counts an interrupt.
    mutating func take(now: UInt64) {
        _ = wait(now: now)
        credit -= min(credit, interval)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How many interrupts a line may have each second: a bucket that holds a second's worth, and refills at that rate.
///
/// So a line that stays below the limit in each second is never held back, and one that doesn't comes through at the
/// limit. A level line that has had its second's worth stays masked until the next is allowed, before it is known to
/// want it.
struct StormLimiter: Equatable, Sendable {
    /// One second, and with it the bucket's size, in nanoseconds.
    private static let second: UInt64 = 1_000_000_000
    /// What one interrupt costs, in nanoseconds.
    private let interval: UInt64
    private var credit = StormLimiter.second
    private var lastRefill: UInt64

    /// - Parameters:
    ///   - limit: interrupts a second; nil for 0.
    ///   - now: nanoseconds on a clock that doesn't go back.
    init?(limit: Int, now: UInt64) {
        guard limit > 0 else { return nil }
        interval = max(Self.second / UInt64(limit), 1)
        lastRefill = now
    }

    /// How long until an interrupt is allowed, in nanoseconds; 0 when one is.
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

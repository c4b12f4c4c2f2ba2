// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// A bucket of tokens that fills up with time: a value to which the caller says what time it is.
///
/// What needs more tokens than the bucket holds is let through when it is full, and has the next one wait for longer.
struct TokenBucket: Equatable, Sendable {
    private let size: UInt64
    /// In nanoseconds, for `size` tokens.
    private let refillTime: UInt64
    private var burst: UInt64
    private var tokens: UInt64
    /// Tokens that were taken before they were there.
    private var debt: UInt64 = 0
    /// The time up to which tokens were added, in nanoseconds.
    private var filled: UInt64

    /// A full bucket.
    /// - Parameter now: in nanoseconds of a clock that never goes back.
    init(_ limits: RateLimits.Bucket, now: UInt64) {
        size = max(limits.size, 1)
        refillTime = max(limits.refillMilliseconds, 1).multipliedReportingOverflow(by: 1_000_000).partialValue
        burst = limits.oneTimeBurst
        tokens = size
        filled = now
    }

    /// How long something has to wait that takes `count` tokens, in nanoseconds; 0 for not at all.
    mutating func delay(of count: UInt64, now: UInt64) -> UInt64 {
        fill(now)
        let needed = min(count, size)
        let (available, overflow) = tokens.addingReportingOverflow(burst)
        if overflow || (debt == 0 && available >= needed) { return 0 }
        // What is missing, and then the time for it, rounded up; both are bounded by the sizes.
        let missing = debt + (needed - min(available, needed))
        let time = Self.product(missing, refillTime, over: size)
        let passed = now &- filled
        return max(time - min(passed, time), 1)
    }

    /// Takes `count` tokens, those of the one-time burst first. For when `delay` has said 0.
    mutating func take(_ count: UInt64) {
        var left = count
        let fromBurst = min(left, burst)
        burst -= fromBurst
        left -= fromBurst
        let fromTokens = min(left, tokens)
        tokens -= fromTokens
        debt += left - fromTokens
    }

    /// Adds what has come since the last time.
    private mutating func fill(_ now: UInt64) {
        let passed = now > filled ? now - filled : 0
        let new = Self.product(passed, size, over: refillTime, roundsUp: false)
        if new == 0 { return }
        let paid = min(new, debt)
        debt -= paid
        let room = size - tokens
        if new - paid >= room {
            tokens = size
            filled = now
        } else {
            tokens += new - paid
            // Only the time of whole tokens: the rest counts later.
            filled &+= min(Self.product(new, refillTime, over: size), passed)
        }
    }

    /// `a` times `b` over `c`; the greatest number where it is more. `c` isn't 0.
    private static func product(_ a: UInt64, _ b: UInt64, over c: UInt64, roundsUp: Bool = true) -> UInt64 {
        let full = a.multipliedFullWidth(by: b)
        guard full.high < c else { return .max }
        let (quotient, remainder) = c.dividingFullWidth(full)
        return roundsUp && remainder > 0 && quotient < .max ? quotient + 1 : quotient
    }
}

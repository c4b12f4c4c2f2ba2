// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// A bucket of tokens that is refilled over time: a value; the caller passes the time.
///
/// An action that needs more tokens than the bucket holds may start when the bucket is full, and delays the next one
/// longer.
struct TokenBucket: Equatable, Sendable {
    private let size: UInt64
    /// The time to refill `size` tokens, in nanoseconds.
    private let refillTime: UInt64
    private var burst: UInt64
    private var tokens: UInt64
    /// Tokens that were used in advance.
    private var debt: UInt64 = 0
    /// The time until which tokens were added, in nanoseconds.
    private var filled: UInt64

    /// A full bucket.
    /// - Parameter now: in nanoseconds of a clock that doesn't go back.
    init(_ limits: RateLimits.Bucket, now: UInt64) {
        size = max(limits.size, 1)
        refillTime = max(limits.refillMilliseconds, 1).multipliedReportingOverflow(by: 1_000_000).partialValue
        burst = limits.oneTimeBurst
        tokens = size
        filled = now
    }

    /// How long an action that takes `count` tokens must wait, in nanoseconds; 0 if it may start now.
    mutating func delay(of count: UInt64, now: UInt64) -> UInt64 {
        fill(now)
        let needed = min(count, size)
        let (available, overflow) = tokens.addingReportingOverflow(burst)
        if overflow || (debt == 0 && available >= needed) { return 0 }
        // The missing tokens, and the time to refill them, rounded up; both are limited by the sizes.
        let missing = debt + (needed - min(available, needed))
        let time = Self.product(missing, refillTime, over: size)
        let passed = now &- filled
        return max(time - min(passed, time), 1)
    }

    /// Takes `count` tokens, those of the one-time burst first. Call it after `delay` has returned 0.
    mutating func take(_ count: UInt64) {
        var left = count
        let fromBurst = min(left, burst)
        burst -= fromBurst
        left -= fromBurst
        let fromTokens = min(left, tokens)
        tokens -= fromTokens
        debt += left - fromTokens
    }

    /// Adds the tokens for the time since the last call.
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
            // Only the time of whole tokens; the rest counts later.
            filled &+= min(Self.product(new, refillTime, over: size), passed)
        }
    }

    /// `a` times `b` divided by `c`; the greatest number if the result is larger. `c` must not be 0.
    private static func product(_ a: UInt64, _ b: UInt64, over c: UInt64, roundsUp: Bool = true) -> UInt64 {
        let full = a.multipliedFullWidth(by: b)
        guard full.high < c else { return .max }
        let (quotient, remainder) = c.dividingFullWidth(full)
        return roundsUp && remainder > 0 && quotient < .max ? quotient + 1 : quotient
    }
}

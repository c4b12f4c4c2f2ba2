// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Testing

@testable import Virtio

/// A bucket that somebody takes from as fast as it lets them, at a time that the test makes.
private struct Customer {
    var bucket: TokenBucket
    var now: UInt64

    init(_ limits: RateLimits.Bucket, now: UInt64 = 5_000_000_000) {
        bucket = TokenBucket(limits, now: now)
        self.now = now
    }

    /// Waits as long as it has to; returns for how long that was, in nanoseconds.
    mutating func take(_ count: UInt64) -> UInt64 {
        let start = now
        while true {
            let delay = bucket.delay(of: count, now: now)
            if delay == 0 { break }
            now += delay
        }
        bucket.take(count)
        return now - start
    }

    mutating func take(_ count: UInt64, times: Int) -> UInt64 {
        var total: UInt64 = 0
        for _ in 0..<times { total += take(count) }
        return total
    }
}

@Suite struct TokenBucketTests {
    private static let millisecond: UInt64 = 1_000_000

    @Test func `a full bucket lets its size through at once, and then its rate`() {
        var customer = Customer(.init(size: 100, refillMilliseconds: 1000))
        let first = customer.take(10, times: 10)
        #expect(first == 0)
        let next = customer.take(10, times: 10)
        #expect(next == 1000 * Self.millisecond)
    }

    @Test func `a one-time burst comes once`() {
        var customer = Customer(.init(size: 100, oneTimeBurst: 50, refillMilliseconds: 1000))
        let first = customer.take(10, times: 15)
        #expect(first == 0)
        customer.now += 100_000 * Self.millisecond
        let second = customer.take(10, times: 10)
        #expect(second == 0)
        let third = customer.take(10, times: 5)
        #expect(third == 500 * Self.millisecond)
    }

    @Test func `what is larger than the bucket passes when it is full, and is paid for afterwards`() {
        var customer = Customer(.init(size: 100, refillMilliseconds: 1000))
        let first = customer.take(1000)
        #expect(first == 0)
        let second = customer.take(1)
        #expect(second == 9010 * Self.millisecond)
    }

    @Test(arguments: [1, 3, 7, 512, 4096, 1_048_576] as [UInt64])
    func `the rate is what was asked for, however it is cut`(count: UInt64) {
        let size: UInt64 = 10_000_000
        var customer = Customer(.init(size: size, refillMilliseconds: 777))
        _ = customer.take(size)
        let times = 500
        let time = Double(customer.take(count, times: times)) / 1e9
        let expected = Double(count) * Double(times) / Double(size) * 0.777
        #expect(abs(time - expected) <= expected * 0.01 + 2e-6, "\(time) s, not \(expected) s")
    }

    @Test func `no numbers make it trap or wait for ever`() {
        for size in [1, 1 << 32, (1 << 53) - 1] as [UInt64] {
            for time in [1, 1000, 31_536_000_000] as [UInt64] {
                var customer = Customer(.init(size: size, oneTimeBurst: size, refillMilliseconds: time), now: 0)
                for count in [0, 1, size, UInt64(UInt32.max)] {
                    _ = customer.bucket.delay(of: count, now: customer.now)
                    customer.bucket.take(count)
                    customer.now = min(customer.now, .max / 2) + time
                }
                let delay = customer.bucket.delay(of: .max, now: .max)
                #expect(delay < .max)
            }
        }
    }
}

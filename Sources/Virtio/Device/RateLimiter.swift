// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import LinuxSystem
internal import Synchronization

/// The limits of a device, over all its queues.
///
/// Ownership: the buckets are under their lock; the queues' threads share them.
final class RateLimiter: Sendable {
    private struct Buckets {
        var bandwidth: TokenBucket?
        var operations: TokenBucket?
    }

    private let buckets: Mutex<Buckets>
    private let clock: any ClockCalls

    /// Nil without limits.
    init?(_ limits: RateLimits?, clock: any ClockCalls) {
        guard let limits, limits.bandwidth != nil || limits.operations != nil else { return nil }
        let now = clock.monotonicNanoseconds
        buckets = Mutex(
            Buckets(
                bandwidth: limits.bandwidth.map { TokenBucket($0, now: now) },
                operations: limits.operations.map { TokenBucket($0, now: now) }))
        self.clock = clock
    }

    /// Lets a request of `byteCount` bytes through, or returns how long it must wait, in nanoseconds.
    func delay(byteCount: UInt64) -> UInt64 {
        let now = clock.monotonicNanoseconds
        return buckets.withLock { buckets in
            let delay = max(
                buckets.bandwidth?.delay(of: byteCount, now: now) ?? 0, buckets.operations?.delay(of: 1, now: now) ?? 0)
            if delay == 0 {
                buckets.bandwidth?.take(byteCount)
                buckets.operations?.take(1)
            }
            return delay
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Limits how often a guest is restarted after a reset.
///
/// A guest that resets itself as soon as it runs would keep the host busy forever.
public struct RestartLimit: Sendable {
    /// The number of restarts within `windowSeconds` after which the next one is refused.
    public static let maximum = 10
    /// The period in which `maximum` restarts are allowed.
    public static let windowSeconds = 60

    /// How often the guest was restarted.
    public private(set) var count = 0
    /// The times of the last restarts, oldest first, at most `maximum`; CLOCK_MONOTONIC in nanoseconds.
    private var times: [UInt64] = []

    /// Starts with no restarts.
    public init() {}

    /// Counts a restart; returns false, and doesn't count it, when the limit is reached.
    /// - Parameter now: CLOCK_MONOTONIC in nanoseconds.
    public mutating func take(at now: UInt64) -> Bool {
        if times.count >= Self.maximum {
            guard let oldest = times.first, now &- oldest >= UInt64(Self.windowSeconds) * 1_000_000_000 else {
                return false
            }
            times.removeFirst()
        }
        times.append(now)
        count += 1
        return true
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Lets a guest that asks for a reset start again, unless it does little else: one that resets itself as soon as it
/// runs would keep the host busy forever.
public struct RestartLimit: Sendable {
    /// As many restarts within `windowSeconds` are a storm: the next one isn't made.
    public static let maximum = 10
    /// The length of time that `maximum` is for.
    public static let windowSeconds = 60

    /// How often the guest was started again.
    public private(set) var count = 0
    /// The times of the last restarts, oldest first, no more than `maximum`; CLOCK_MONOTONIC in nanoseconds.
    private var times: [UInt64] = []

    /// None so far.
    public init() {}

    /// Counts a restart; false, and not counted, when it would be one too many.
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

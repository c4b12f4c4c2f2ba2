// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// When each step of start-up and end was done, for the figures that `make bench` prints.
///
/// Marked by the thread that owns the machine, and once by the vCPU that ends the guest: hence the lock.
public final class StartupProfile: Sendable {
    /// The end of a step.
    public struct Mark: Sendable, Encodable {
        public let step: StaticString
        /// CLOCK_MONOTONIC.
        public let nanoseconds: UInt64

        enum CodingKeys: CodingKey { case step, nanoseconds }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(step.description, forKey: .step)
            try container.encode(nanoseconds, forKey: .nanoseconds)
        }
    }

    private let recorded = Mutex<[Mark]>([])

    /// Nothing recorded yet.
    public init() {}

    /// The steps so far, in order.
    public var marks: [Mark] { recorded.withLock { $0 } }

    /// Notes that `step` has just ended.
    public func mark(_ step: StaticString) {
        let now = Clock.monotonicNanoseconds
        recorded.withLock { $0.append(Mark(step: step, nanoseconds: now)) }
    }
}

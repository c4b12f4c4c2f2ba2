// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// When each step of the start-up was done, for the figures that `make bench` prints.
///
/// Owned by the thread that builds the machine; under a lock since the report is read by others as well.
public final class StartupProfile: Sendable {
    /// The end of a step.
    public struct Mark: Sendable, Equatable, Encodable {
        public let step: String
        /// CLOCK_MONOTONIC.
        public let nanoseconds: UInt64
    }

    private let recorded = Mutex<[Mark]>([])

    /// Nothing recorded yet.
    public init() {}

    /// The steps so far, in order.
    public var marks: [Mark] { recorded.withLock { $0 } }

    /// Notes that `step` has just ended.
    public func mark(_ step: StaticString) {
        let now = Clock.monotonicNanoseconds
        recorded.withLock { $0.append(Mark(step: "\(step)", nanoseconds: now)) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// The end times of the steps of start-up and shutdown, for the figures that `make bench` prints.
///
/// The thread that owns the machine sets the marks, except one, which the vCPU that ends the guest sets; so there is a
/// lock.
public final class StartupProfile: Sendable {
    /// The end of a step.
    public struct Mark: Sendable, Encodable {
        /// Its name in the report.
        public let step: StaticString
        /// CLOCK_MONOTONIC.
        public let nanoseconds: UInt64

        enum CodingKeys: CodingKey { case step, nanoseconds }

        /// Encodes the mark as the report has it.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(step.description, forKey: .step)
            try container.encode(nanoseconds, forKey: .nanoseconds)
        }
    }

    /// A mark and those before it. Not an array: its storage's metadata would be the first that a run builds, which
    /// costs 37,000 instructions.
    private final class Entry: Sendable {
        let mark: Mark
        let earlier: Entry?

        init(_ mark: Mark, after earlier: Entry?) {
            self.mark = mark
            self.earlier = earlier
        }
    }

    private let last = Mutex<Entry?>(nil)

    /// An empty profile.
    public init() {}

    /// The marks so far, in order.
    public var marks: [Mark] {
        var marks: [Mark] = []
        var entry = last.withLock { $0 }
        while let current = entry {
            marks.append(current.mark)
            entry = current.earlier
        }
        return marks.reversed()
    }

    /// Records that `step` has just ended.
    public func mark(_ step: StaticString) {
        let now = Clock.monotonicNanoseconds
        last.withLock { $0 = Entry(Mark(step: step, nanoseconds: now), after: $0) }
    }
}

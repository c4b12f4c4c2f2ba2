// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A one-shot timer on CLOCK_MONOTONIC whose descriptor becomes readable when it expires (timerfd_create(2)).
public final class TimerDescriptor: Sendable {
    private let descriptor: OwnedDescriptor
    /// The number, for an event loop.
    public var rawValue: CInt { descriptor.rawValue }

    /// - Throws: the errors of timerfd_create(2).
    public init(of system: any SystemCalls = LinuxKernel()) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try system.createTimer(), of: system)
    }

    /// Expires once in `nanoseconds` from now; at once when that is 0.
    public func arm(nanoseconds: UInt64) { descriptor.system.setTimer(rawValue, nanoseconds: max(nanoseconds, 1)) }

    /// Cancels an expiry that has not happened yet.
    public func disarm() { descriptor.system.setTimer(rawValue, nanoseconds: 0) }

    /// Takes the expiry; false when there was none.
    public func take() -> Bool { descriptor.system.takeCount(of: rawValue) > 0 }
}

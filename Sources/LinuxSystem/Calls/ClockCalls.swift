// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The kernel's clocks, and sleeping.
///
/// Where the host has a vDSO (vdso(7)), a clock is read without a system call.
public protocol ClockCalls: Sendable {
    /// CLOCK_MONOTONIC in nanoseconds.
    var monotonicNanoseconds: UInt64 { get }
    /// CLOCK_REALTIME in whole seconds since 1970.
    var realtimeSeconds: Int64 { get }
    /// Sleeps; a signal ends it early.
    func sleep(milliseconds: Int)
}

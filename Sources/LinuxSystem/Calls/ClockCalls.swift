// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The kernel's clocks, read without a system call where the host has a vDSO (vdso(7)), and waiting for time to pass.
public protocol ClockCalls: Sendable {
    /// CLOCK_MONOTONIC in nanoseconds.
    var monotonicNanoseconds: UInt64 { get }
    /// CLOCK_REALTIME in whole seconds since 1970.
    var realtimeSeconds: Int64 { get }
    /// Lets time pass; a signal ends it early.
    func sleep(milliseconds: Int)
}

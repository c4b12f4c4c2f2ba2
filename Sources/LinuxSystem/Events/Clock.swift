// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux

/// The kernel's clocks.
public enum Clock {
    /// CLOCK_MONOTONIC in nanoseconds.
    public static var monotonicNanoseconds: UInt64 { clinux_monotonic_nanoseconds() }
    /// CLOCK_REALTIME in whole seconds since 1970.
    public static var realtimeSeconds: Int64 { clinux_realtime_seconds() }
}

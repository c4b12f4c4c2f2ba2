// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The kernel's clocks.
public enum Clock {
    /// CLOCK_MONOTONIC in nanoseconds.
    public static var monotonicNanoseconds: UInt64 { LinuxKernel().monotonicNanoseconds }
    /// CLOCK_REALTIME in whole seconds since 1970.
    public static var realtimeSeconds: Int64 { LinuxKernel().realtimeSeconds }
}

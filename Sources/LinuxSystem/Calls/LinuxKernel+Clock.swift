// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux

extension LinuxKernel {
    public var monotonicNanoseconds: UInt64 { clinux_monotonic_nanoseconds() }
    public var realtimeSeconds: Int64 { clinux_realtime_seconds() }
}

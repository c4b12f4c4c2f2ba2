// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public var monotonicNanoseconds: UInt64 { clinux_monotonic_nanoseconds() }
    public var realtimeSeconds: Int64 { clinux_realtime_seconds() }

    public func sleep(milliseconds: Int) {
        // EINTR: a signal ends it early.
        _ = try? waitUntilReadable(-1, or: -1, milliseconds: CInt(clamping: milliseconds))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CIntegration
import LinuxSystem

/// The registers of the emulated host's PL031. The test accesses them through /dev/mem, whoever has the device, so that
/// it can raise the line at any time.
///
/// Arm PrimeCell Real Time Clock (PL031) TRM (ARM DDI 0224), 3.2.
enum HostClock {
    private static let base: UInt64 = 0x0901_0000
    private static let (data, match, mask, raw, status, clear): (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (
        0x00, 0x04, 0x10, 0x14, 0x18, 0x1C
    )

    /// Raises the line: sets the alarm to now.
    static func raise() throws {
        try write(mask, 1)
        repeat { try write(match, try read(data)) } while try read(raw) == 0  // The second has passed in between.
    }

    /// Lowers the line, and keeps it low.
    static func silence() throws {
        try write(mask, 0)
        try write(clear, 1)
    }

    static var isRaised: Bool { get throws { try read(status) != 0 } }

    private static func read(_ offset: UInt64) throws -> UInt32 {
        var value: UInt32 = 0
        try check(cintegration_physical(base + offset, &value, false))
        return value
    }

    private static func write(_ offset: UInt64, _ value: UInt32) throws {
        var value = value
        try check(cintegration_physical(base + offset, &value, true))
    }

    private static func check(_ result: CInt) throws {
        if result < 0 { throw Errno(rawValue: -result) }
    }
}

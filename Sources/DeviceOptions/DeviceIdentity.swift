// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a device of the host is identified.
public enum DeviceIdentity: Equatable, Sendable {
    /// A name under /sys/bus/platform/devices or /sys/bus/amba/devices, such as "9010000.pl031".
    case host(String)
    /// The path of the device's folder below /sys.
    case sysfsdev(String)
}

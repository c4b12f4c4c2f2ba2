// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions
public import HostDevices
public import LinuxSystem

extension DeviceIdentity {
    /// The host's device of that name.
    /// - Throws: what `HostDevice` throws.
    public func find(_ sysfs: Sysfs) throws(HostDeviceError) -> HostDevice {
        switch self {
        case .host(let name): try HostDevice(host: name, sysfs: sysfs)
        case .sysfsdev(let path): try HostDevice(sysfsdev: path, sysfs: sysfs)
        }
    }
}

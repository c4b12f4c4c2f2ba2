// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions
public import HostDevices
public import LinuxSystem

extension DeviceIdentity {
    /// Finds the host's device with that name.
    /// - Throws: the errors of `HostDevice`.
    public func find(_ sysfs: Sysfs) throws(HostDeviceError) -> HostDevice {
        switch self {
        case .host(let name): try HostDevice(host: name, sysfs: sysfs)
        case .sysfsdev(let path): try HostDevice(sysfsdev: path, sysfs: sysfs)
        }
    }
}

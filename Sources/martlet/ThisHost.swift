// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem
internal import VFIO

/// This host, for the commands about its devices.
enum ThisHost {
    static var sysfs: Sysfs { Sysfs(system: LinuxKernel()) }
    static var proc: Sysfs { Sysfs(root: "/proc", system: LinuxKernel()) }

    /// The devices with these names or paths below /sys, each once, in this order.
    /// - Throws: `Failure` with all problems.
    static func devices(_ names: [String]) throws -> [HostDevice] {
        var devices: [HostDevice] = []
        var problems: [String] = []
        for name in names {
            do throws(HostDeviceError) {
                let device = try device(name)
                if !devices.contains(where: { $0.path == device.path }) { devices.append(device) }
            } catch { problems.append(error.description) }
        }
        try fail(problems)
        return devices
    }

    static func device(_ name: String) throws(HostDeviceError) -> HostDevice {
        name.hasPrefix("/")
            ? try HostDevice(sysfsdev: name, sysfs: sysfs) : try HostDevice(host: name, sysfs: sysfs)
    }

    /// Throws a failure with all problems, if there are any.
    static func fail(_ problems: [String]) throws {
        if !problems.isEmpty { throw Failure(.failure, problems.joined(separator: "\nmartlet: ")) }
    }
}

/// Runs `body`; an error of VFIO becomes a failure with its text.
func failing<Result>(_ body: () throws(HostDeviceError) -> Result) throws -> Result {
    do { return try body() } catch { throw Failure(.failure, error.description) }
}

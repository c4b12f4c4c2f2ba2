// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem

/// The check of a device's clocks, supplies and power domains after its driver was unbound.
extension OpenDevice {
    /// The record that `bind` wrote of the device; nil if there is none, or if it can't be read, which is logged.
    static func record(of host: HostDevice, _ sysfs: Sysfs, _ log: Log) -> HostRecord? {
        do throws(Errno) { return try HostRecord(of: host.name, system: sysfs.system) } catch {
            log(
                .warning,
                "\(host.name): can't read what bind noted of it: "
                    + "\(StateFolder.hostRecords.path)/\(host.name): \(error.explained)")
            return nil
        }
    }

    /// - Throws: `PassthroughError.unpowered`; `.host` when it can't be found out whether the device is held.
    static func checkPower(
        of host: HostDevice, _ record: HostRecord, _ sysfs: Sysfs, _ debugFS: (any DebugFSCalls)?
    ) throws(PassthroughError) {
        let losses = HostState(sysfs: sysfs, debugFS: debugFS).losses(since: record)
        if losses.isEmpty { return }
        let hold = try mapError(PassthroughError.host, try DeviceHold(of: host, sysfs: sysfs))
        // The module holds them on, whatever else uses them.
        if hold.isHeld { return }
        throw .unpowered(device: host.name, losses, hold)
    }
}

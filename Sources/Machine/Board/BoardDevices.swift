// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Configuration
internal import DeviceTree
internal import Devices
internal import Passthrough
internal import PlatformBus
internal import Virtio

/// The board's own devices. To add one, add its line here.
enum BoardDevices {
    /// The devices of a machine, in the order in which they are placed and started.
    /// - Parameter drives: the open files of the drives.
    static func all(_ configuration: MachineConfiguration, drives: OpenDrives) -> [any BoardDevice] {
        var devices: [any BoardDevice] = [SerialPort(), RealTimeClock()]
        if configuration.powerKey { devices.append(PowerKey()) }
        // It must have its place before the nodes of the passed-through devices show whether it is needed.
        if !configuration.platformDevices.isEmpty { devices.append(ResetController()) }
        // The drive with the root file system is the first, so that it is /dev/vda.
        for (slot, drive) in drives.all.enumerated() {
            devices.append(
                BlockDevice(
                    id: drive.settings.id, slot: slot, file: drive.file, cache: drive.settings.cache,
                    engine: drive.settings.engine, limits: drive.settings.limits,
                    vcpuCount: configuration.machineSize.vcpuCount))
        }
        if let entropy = configuration.entropy {
            devices.append(EntropyDevice(slot: drives.all.count, limits: entropy.limits))
        }
        return devices
    }

    /// The devices of `board` that a machine needs with these passed-through devices.
    /// - Parameters:
    ///   - kinds: each `compatible` of the passed-through devices.
    ///   - shared: has the reset lines to which their nodes refer.
    static func needed(
        _ board: [any BoardDevice], beside passed: PlacedDevices, kinds: [String], _ shared: SharedNodes
    ) -> [any BoardDevice] {
        board.compactMap { (device) -> (any BoardDevice)? in
            if device is ResetController {
                return shared.resetController == nil ? nil : ResetController(actions: resetLines(of: passed, shared))
            }
            return device.substitute.map { kinds.contains($0) } == true ? nil : device
        }
    }

    /// The node of the reset controller at its usual place.
    static func resetController(_ shared: inout SharedNodes) throws(MachineError) -> [Node] {
        let device = ResetController()
        let place = Place(windows: device.windows.compactMap { GuestRange(base: $0.usual, size: $0.size) })
        do throws(BoardDeviceError) { return try device.nodes(at: place, shared: &shared) } catch {
            throw MachineError(device, error)
        }
    }

    private static func resetLines(
        of passed: PlacedDevices, _ shared: SharedNodes
    ) -> [(@Sendable () -> Void)?] {
        shared.resetLines.map { line in
            passed.devices.first { $0.name == line.device }?.addResetLine(resets: line.isOwn)
        }
    }
}

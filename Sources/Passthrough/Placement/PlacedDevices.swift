// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
public import LinuxSystem
public import PlatformBus
public import VFIO

/// All devices of one VM, opened and placed on its bus.
///
/// Immutable until it is closed, so any thread may read it.
public final class PlacedDevices: Sendable {
    /// In the order of the configuration. Empty after `close`.
    public var devices: [PlacedDevice] { list.all }
    /// The SPIs of their level-triggered interrupts.
    public var levelTriggeredSPIs: [SPI] {
        devices.flatMap { device in device.interrupts.lazy.filter(\.info.isLevel).map(\.spi) }
    }
    let opened: OpenDevices
    var containers: VFIOContainers { opened.containers }
    /// What prevents another start of the machine, as far as it is known before a guest has run.
    public var restartProblems: [RestartProblem] { opened.restartProblems }
    private let list = OwnedList<PlacedDevice>()

    /// Opens every device, through a container or by its own file, and places it on the bus.
    /// - Throws: for the first device that fails; the devices before it are closed again.
    public convenience init(
        _ settings: [PlacedDevice.Settings], calls: any VFIOCalls, bus: BusMap, sysfs: Sysfs, log: Log,
        tracer: Tracer? = nil
    ) throws(PassthroughError) {
        let interrupts = try? HostInterruptFile(calls)
        try self.init(
            try OpenDevices(
                settings, containers: VFIOContainers(calls: calls), interrupts: interrupts, sysfs: sysfs, log: log,
                tracer: tracer),
            bus: bus, log: log, tracer: tracer)
    }

    /// Places open devices on the bus.
    /// - Parameter pageSize: the host's, in bytes.
    /// - Throws: for the first device that doesn't fit; nothing stays claimed.
    public init(
        _ opened: OpenDevices, bus: BusMap, pageSize: UInt64 = MemoryMapping.pageSize, log: Log,
        tracer: Tracer? = nil
    ) throws(PassthroughError) {
        self.opened = opened
        // From here on a throw runs deinit.
        for device in opened.devices {
            list.append(try PlacedDevice(device, bus: bus, pageSize: pageSize, log: log, tracer: tracer))
        }
    }

    /// Removes the devices from the bus, newest first, then closes them.
    ///
    /// A second call does nothing.
    public func close() {
        list.releaseAll()
        opened.close()
    }

    deinit { close() }
}

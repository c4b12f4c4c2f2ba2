// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
public import PlatformBus
public import VFIO

/// All devices that one VM gets, opened and placed on its bus. Immutable, so any thread may read it.
public final class PassthroughDevices: Sendable {
    /// In the order of the configuration.
    public let devices: [PassthroughDevice]
    /// The SPIs of their level-triggered interrupts.
    public var levelTriggeredSPIs: [SPI] {
        devices.flatMap { device in device.interrupts.lazy.filter(\.info.isLevel).map(\.spi) }
    }
    let containers: VFIOContainers
    /// Has the last share of each device, so that they are closed newest first; an array would let go of the oldest first.
    private let stack: ResourceStack

    /// Opens every device and places it on the bus.
    /// - Throws: for the first device that fails; the ones before it are closed again.
    public init(
        _ settings: [PassthroughDevice.Settings], calls: any VFIOCalls, bus: PlatformBus, sysfs: Sysfs, log: Log,
        tracer: Tracer? = nil
    ) throws(PassthroughError) {
        containers = VFIOContainers(calls: calls)
        var stack = ResourceStack()
        var devices: [PassthroughDevice] = []
        for settings in settings {
            let device = try PassthroughDevice(
                settings, containers: containers, bus: bus, sysfs: sysfs, log: log, tracer: tracer)
            devices.append(device)
            stack.keep(device)
        }
        self.devices = devices
        self.stack = stack
    }
}

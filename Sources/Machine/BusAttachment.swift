// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// An emulated device on the platform bus, for as long as this lives: the device keeps the VM, and the bus the device.
final class BusAttachment: Sendable {
    private let range: GuestRange
    private let bus: PlatformBus

    /// - Throws: `MachineError.bus` when the range is another's.
    init(_ device: any MMIODevice, _ name: String, _ range: GuestRange, to bus: PlatformBus) throws(MachineError) {
        do { try bus.attach(name, range, to: device) } catch { throw .bus(error) }
        self.range = range
        self.bus = bus
    }

    deinit { bus.remove(range) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import KVM
internal import PlatformBus

extension BoardLayout {
    /// Creates a bus with RAM and the interrupt controller on it.
    func makeBus() throws(MachineError) -> BusMap {
        let bus = BusMap(windows: windows, spiCount: InterruptController.maximumSPICount, fixed: [addresses])
        do throws(PlatformBusError) {
            for bank in banks { try bus.reserve("RAM", bank) }
            try bus.reserve("interrupt controller", interruptController)
        } catch { throw .bus(error) }
        return bus
    }
}

/// Claims places on the bus for the board's own devices.
///
/// Devices with a fixed address claim it before the passed-through devices, and those that can move after them.
struct BoardClaims {
    private let bus: BusMap
    private let layout: BoardLayout
    private var fixed: [(name: String, place: Place)] = []

    init(bus: BusMap, layout: BoardLayout) {
        self.bus = bus
        self.layout = layout
    }

    /// Claims the windows of devices at fixed addresses. `place` claims that of a device with a substitute, because the
    /// substitute may have the same address.
    /// - Throws: `MachineError.bus` when the address is already claimed.
    mutating func reserveFixed(_ devices: [any BoardDevice]) throws(MachineError) {
        for device in devices where device.windows.allSatisfy(\.isFixed) {
            fixed.append((device.name, try claim(device, reservesWindows: device.substitute == nil)))
        }
    }

    /// The place of each device; windows that aren't claimed yet are claimed now.
    /// - Throws: `MachineError.bus` when the address is already claimed.
    func place(_ devices: [any BoardDevice]) throws(MachineError) -> [(device: any BoardDevice, place: Place)] {
        var placed: [(device: any BoardDevice, place: Place)] = []
        for device in devices {
            if let known = fixed.first(where: { $0.name == device.name }) {
                if device.substitute != nil { try reserve(device, known.place.windows) }
                placed.append((device, known.place))
            } else {
                placed.append((device, try claim(device, reservesWindows: true)))
            }
        }
        return placed
    }

    private func claim(_ device: any BoardDevice, reservesWindows: Bool) throws(MachineError) -> Place {
        var place = Place(windows: layout.ranges(of: device))
        if reservesWindows { try reserve(device, place.windows) }
        do throws(PlatformBusError) {
            for _ in device.lines { place.lines.append(try bus.allocateSPI(device.name)) }
        } catch { throw .bus(error) }
        return place
    }

    private func reserve(_ device: any BoardDevice, _ ranges: [GuestRange]) throws(MachineError) {
        do throws(PlatformBusError) {
            for range in ranges { try bus.reserve(device.name, range) }
        } catch { throw .bus(error) }
    }
}

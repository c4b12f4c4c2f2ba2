// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Configuration
internal import Devices

/// The board's own devices. To add one, add its line here.
enum BoardDevices {
    /// Those that a machine has, in the order in which they are placed and started.
    static func all(_ configuration: MachineConfiguration) -> [any BoardDevice] {
        var devices: [any BoardDevice] = [SerialPort(), RealTimeClock()]
        if configuration.powerKey { devices.append(PowerKey()) }
        return devices
    }
}

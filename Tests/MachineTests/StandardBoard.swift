// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Board
import Configuration
import Devices
import PlatformBus

@testable import Machine

/// The board's own devices when the configuration says nothing of them.
var standardDevices: [any BoardDevice] {
    BoardDevices.all(
        MachineConfiguration(bootSource: BootSource(kernelImagePath: "/Image")), drives: OpenDrives())
}

extension BoardLayout {
    var serial: GuestRange { ranges(of: SerialPort())[0] }
    var clock: GuestRange { ranges(of: RealTimeClock())[0] }
    var powerKey: GuestRange { ranges(of: PowerKey())[0] }
}

extension MachinePlan {
    /// The names of the board's own devices.
    var boardNames: [String] { devices.map(\.device.name) }
}

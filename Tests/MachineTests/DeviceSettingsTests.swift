// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceOptions
import Passthrough
import Testing

@testable import Machine

/// What the configuration says of a device reaches it as it was written. The types are the same; what is tested is that
/// none is left behind.
@Suite struct DeviceSettingsTests {
    private func settings(_ change: (inout PlatformDevice) -> Void = { _ in }) -> PlacedDevice.Settings {
        var device = PlatformDevice(identity: .host("1000.net"))
        change(&device)
        return PlacedDevice.Settings(device, peerToPeer: false)
    }

    @Test(arguments: VFIODMAMode.allCases) func `every dma mode reaches VFIO`(mode: VFIODMAMode) {
        #expect(settings { $0.dma = mode }.dma == mode)
    }

    @Test(arguments: [nil] + InterruptPathKind.allCases.map(Optional.some))
    func `every choice of a path reaches the interrupts`(path: InterruptPathKind?) {
        #expect(settings { $0.interrupts = path }.interrupts == path)
    }

    @Test func `what is asked for isn't left behind`() {
        let end = EndOfInterrupt(region: 1, offset: 28)
        let placement = DevicePlacement([.fixed(0x3000_0000), .automatic], others: .host)
        #expect(settings { $0.identity = .sysfsdev("/sys/a") }.identity == .sysfsdev("/sys/a"))
        #expect(settings { $0.guestAddress = placement }.placement == placement)
        #expect(settings { $0.endOfInterrupt = end }.endOfInterrupt == end)
        #expect(settings { $0.noMmap = true }.trapsAll)
        #expect(settings { $0.stormLimit = 7 }.stormLimit == 7)
        #expect(settings { $0.mmapTimeoutMilliseconds = 8 }.mapTimeoutMilliseconds == 8)
        #expect(settings { $0.requiresReset = true }.requiresReset)
        #expect(settings { $0.reset = .steps([.delay(milliseconds: 3)]) }.reset == .steps([.delay(milliseconds: 3)]))
        #expect(settings { $0.reset = DeviceReset.none }.reset == DeviceReset.none)
        #expect(settings { $0.descriptor = 9 }.descriptor == 9)
        #expect(PlacedDevice.Settings(PlatformDevice(identity: .host("a")), peerToPeer: true).reachesPeers)
    }

    @Test func `a device of which nothing is said has the same settings on both sides`() {
        #expect(settings() == PlacedDevice.Settings(.host("1000.net")))
    }
}

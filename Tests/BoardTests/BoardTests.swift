// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Board
import DeviceTree
import PlatformBus
import Synchronization
import Testing

private final class Silence: MMIODevice {
    func read(offset: UInt64, width: AccessWidth) -> UInt64 { 0x5A }
    func write(offset: UInt64, width: AccessWidth, value: UInt64) {}
}

@Suite struct BoardTests {
    private let range: GuestRange

    init() throws { range = try #require(GuestRange(base: GuestAddress(0x900_0000), size: 0x1000)) }

    @Test func `an interrupt specifier is the binding's`() {
        #expect(SPI(rawValue: 7).specifier(.level) == [0, 7, 4])
        #expect(SPI(rawValue: 7).specifier(.edge) == [0, 7, 1])
    }

    @Test func `a node is called after its first window`() {
        let place = Place(windows: [range], lines: [SPI(rawValue: 2)])
        #expect(place.nodeName("rtc") == "rtc@9000000")
        #expect(Place().nodeName("keys") == "keys")
        #expect(place.registers == .cells64([0x900_0000, 0x1000]))
        #expect(place.interrupt(0, .edge) == .cells([0, 2, 1]))
    }

    @Test func `a handler goes with its attachment, and the claim stays`() throws {
        let bus = BusMap(windows: [], spiCount: 64)
        try bus.reserve("test", range)
        do {
            let attachment = try BusAttachment(Silence(), name: "test", range: range, on: bus)
            withExtendedLifetime(attachment) {
                #expect(bus.makeDispatcher().read(range.base, .byte) == 0x5A)
            }
        }
        #expect(bus.makeDispatcher().read(range.base, .byte) == 0)
        #expect(bus.regions.map(\.name) == ["test"])
    }

    @Test func `a range of somebody else's takes no handler`() throws {
        let bus = BusMap(windows: [], spiCount: 64)
        try bus.reserve("other", range)
        #expect(throws: PlatformBusError.self) { try BusAttachment(Silence(), name: "test", range: range, on: bus) }
    }

    @Test func `a board without a power key has none to press`() {
        let controls = BoardControls()
        #expect(!controls.pressPowerKey())
        let presses = Mutex(0)
        controls.setPowerKey { presses.withLock { $0 += 1 } }
        #expect(controls.pressPowerKey())
        controls.setPowerKey(nil)
        #expect(!controls.pressPowerKey())
        #expect(presses.withLock { $0 } == 1)
    }
}

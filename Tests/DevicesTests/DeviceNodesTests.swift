// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Devices
import PlatformBus
import Testing

@Suite struct DeviceNodesTests {
    let interrupts = PropertyValue.cells([0, 3, 4])

    @Test func theSerialPortDescribesItself() throws {
        let range = try #require(GuestRange(base: GuestAddress(0x4000_a000), size: NS16550A.byteCount))
        let node = NS16550A.deviceTreeNode(at: range, interrupts: interrupts)
        #expect(node.name == "serial@4000a000")
        #expect(node[property: "compatible"]?.strings == ["ns16550a"])
        #expect(
            node[property: "reg"]?.registerBlocks(counts: CellCounts(address: 2, size: 2))
                == [RegisterBlock(address: 0x4000_a000, size: 8)])
        #expect(node[property: "interrupts"] == interrupts)
        #expect(node[property: "clock-frequency"]?.cell == 1_843_200)
    }

    @Test func theClockDescribesItself() throws {
        let range = try #require(GuestRange(base: GuestAddress(0x1_0000_0000), size: PL031.byteCount))
        let node = PL031.deviceTreeNode(at: range, interrupts: interrupts, busClock: .cell(7))
        #expect(node.name == "rtc@100000000")
        #expect(node[property: "compatible"]?.strings == ["arm,pl031", "arm,primecell"])
        #expect(
            node[property: "reg"]?.registerBlocks(counts: CellCounts(address: 2, size: 2))
                == [RegisterBlock(address: 0x1_0000_0000, size: 0x1000)])
        #expect(node[property: "interrupts"] == interrupts)
        #expect(node[property: "clocks"]?.cell == 7)
        #expect(node[property: "clock-names"]?.strings == ["apb_pclk"])
    }
}

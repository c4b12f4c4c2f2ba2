// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct CellCountsTests {
    @Test func `reg is written in the parent's cell sizes`() throws {
        let blocks = [RegisterBlock(address: 0x900_0000, size: 0x1000), RegisterBlock(address: 0x10, size: 0x20)]
        #expect(
            try PropertyValue.reg(blocks, counts: CellCounts(address: 1, size: 1))
                == .cells([0x900_0000, 0x1000, 0x10, 0x20]))
        #expect(
            try PropertyValue.reg(blocks, counts: CellCounts(address: 2, size: 1))
                == .cells([0, 0x900_0000, 0x1000, 0, 0x10, 0x20]))
        #expect(
            try PropertyValue.reg(
                [RegisterBlock(address: 0x80_0000_0000, size: 1 << 33)], counts: CellCounts(address: 2, size: 2))
                == .cells([0x80, 0, 2, 0]))
    }

    @Test func `a node of cpus has addresses without sizes`() throws {
        let counts = CellCounts(address: 1, size: 0)
        #expect(try PropertyValue.reg([RegisterBlock(address: 3, size: 0)], counts: counts) == .cell(3))
        #expect(throws: DeviceTreeError.numberTooWide(8, cellCount: 0, field: "reg size")) {
            try PropertyValue.reg([RegisterBlock(address: 3, size: 8)], counts: counts)
        }
    }

    @Test func `a number that doesn't fit its cells is an error`() {
        #expect(throws: DeviceTreeError.numberTooWide(1 << 32, cellCount: 1, field: "reg address")) {
            try PropertyValue.reg([RegisterBlock(address: 1 << 32, size: 1)], counts: CellCounts(address: 1, size: 1))
        }
        #expect(throws: DeviceTreeError.numberTooWide(1 << 32, cellCount: 1, field: "reg size")) {
            try PropertyValue.reg([RegisterBlock(address: 0, size: 1 << 32)], counts: CellCounts(address: 2, size: 1))
        }
        #expect(throws: DeviceTreeError.unsupportedCellCount(3, field: "reg address")) {
            try PropertyValue.reg([RegisterBlock(address: 0, size: 0)], counts: CellCounts(address: 3, size: 2))
        }
    }

    @Test func `ranges has the child's, the parent's and the size cells`() throws {
        let value = try PropertyValue.ranges(
            [BusRange(child: 0, parent: 0xC00_0000, size: 0x200_0000)], counts: CellCounts(address: 1, size: 1),
            parentAddressCells: 2)
        #expect(value == .cells([0, 0, 0xC00_0000, 0x200_0000]))
        #expect(throws: DeviceTreeError.numberTooWide(1 << 40, cellCount: 1, field: "ranges parent address")) {
            try PropertyValue.ranges(
                [BusRange(child: 0, parent: 1 << 40, size: 1)], counts: CellCounts(address: 1, size: 1),
                parentAddressCells: 1)
        }
    }

    @Test func `reg is read back`() throws {
        let blocks = [RegisterBlock(address: 1 << 40, size: 4096), RegisterBlock(address: 0, size: .max)]
        let counts = CellCounts(address: 2, size: 2)
        #expect(try PropertyValue.reg(blocks, counts: counts).registerBlocks(counts: counts) == blocks)
        #expect(PropertyValue.empty.registerBlocks(counts: counts) == [])
        #expect(PropertyValue.cells([1, 2, 3]).registerBlocks(counts: counts) == nil)
        #expect(PropertyValue.cells([1, 2, 3]).registerBlocks(counts: CellCounts(address: 3, size: 0)) == nil)
        #expect(PropertyValue.empty.registerBlocks(counts: CellCounts(address: 0, size: 0)) == nil)
    }

    @Test func `a node's cell counts default to 2 and 1`() throws {
        #expect(try Node("soc").cellCounts() == CellCounts(address: 2, size: 1))
        #expect(
            try Node("soc", ["#address-cells": .cell(1), "#size-cells": .cell(0)]).cellCounts()
                == CellCounts(address: 1, size: 0))
        for bad in [PropertyValue.cell(5), .empty, .cells([1, 1])] {
            #expect(throws: DeviceTreeError.invalidCellCount(property: "#size-cells", node: "soc")) {
                try Node("soc", ["#size-cells": bad]).cellCounts()
            }
        }
    }
}

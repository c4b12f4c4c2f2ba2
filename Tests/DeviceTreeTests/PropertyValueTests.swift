// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct PropertyValueTests {
    @Test func `typed constructors write big-endian bytes`() {
        #expect(PropertyValue.empty.bytes == [])
        #expect(PropertyValue.cell(0x0102_0304).bytes == [1, 2, 3, 4])
        #expect(PropertyValue.cells([1, 0xFFFF_FFFE]).bytes == [0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE])
        #expect(PropertyValue.cell64(0x0102_0304_0506_0708).bytes == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(PropertyValue.cells64([1, 2]) == .cells([0, 1, 0, 2]))
        #expect(PropertyValue.string("ok").bytes == Array("ok\0".utf8))
        #expect(PropertyValue.strings(["a", "bc"]).bytes == Array("a\0bc\0".utf8))
        #expect(PropertyValue.bytes([9, 8]).bytes == [9, 8])
    }

    @Test func `typed readers give back what was written`() throws {
        let phandle = try #require(Phandle(rawValue: 7))
        #expect(PropertyValue.cell(42).cell == 42)
        #expect(PropertyValue.cells([1, .max, 3]).cells == [1, .max, 3])
        #expect(PropertyValue.cell64(.max).cell64 == .max)
        #expect(PropertyValue.cells64([1, 1 << 40]).cells64 == [1, 1 << 40])
        #expect(PropertyValue.string("arm,pl031").string == "arm,pl031")
        #expect(
            PropertyValue.strings(["arm,pl031", "", "arm,primecell"]).strings == ["arm,pl031", "", "arm,primecell"])
        #expect(PropertyValue.phandle(phandle).phandle == phandle)
        #expect(PropertyValue.empty.cells == [])
    }

    @Test(arguments: [[], [0], [0, 0, 0], [1, 2, 3, 4, 5], [UInt8](repeating: 1, count: 9)])
    func `a value of another length is no number`(bytes: [UInt8]) {
        let value = PropertyValue.bytes(bytes)
        #expect(value.cell == nil)
        #expect(value.cell64 == nil)
        #expect(value.phandle == nil)
        #expect((value.cells == nil) == (bytes.count % 4 != 0))
        #expect((value.cells64 == nil) == (bytes.count % 8 != 0))
    }

    @Test func `what is not a string is refused`() {
        #expect(PropertyValue.empty.string == nil)
        #expect(PropertyValue.empty.strings == nil)
        #expect(PropertyValue.bytes(Array("open".utf8)).strings == nil)
        #expect(PropertyValue.bytes([0xFF, 0]).string == nil)
        #expect(PropertyValue.strings(["two", "strings"]).string == nil)
        #expect(PropertyValue.string("").string == "")
    }

    @Test func `0 and all ones are no phandles`() {
        #expect(PropertyValue.cell(0).phandle == nil)
        #expect(PropertyValue.cell(.max).phandle == nil)
    }

    @Test func `mixed parts are written and read in order`() throws {
        // Arrange
        let phandle = try #require(Phandle(rawValue: 3))
        var value = PropertyValue.phandle(phandle)
        value.append(cells: [0, 17, 4])
        value.append(cell64: 0x9_0000_0000)
        value.append(string: "x")
        value.append(.cell(5))

        // Act
        var reader = value.reader

        // Assert
        #expect(value.bytes.count == 4 + 12 + 8 + 2 + 4)
        #expect(reader.phandle() == phandle)
        #expect(reader.cell() == 0)
        #expect(reader.phandle()?.rawValue == 17)
        #expect(reader.number(cellCount: 1) == 4)
        #expect(reader.number(cellCount: 2) == 0x9_0000_0000)
        #expect(reader.remainingByteCount == 6)
        #expect(reader.number(cellCount: 2) == nil)
        #expect(reader.remainingByteCount == 6)
    }

    @Test func `a reader stays where it is when nothing fits`() {
        var reader = PropertyValue.cells([0, 9]).reader
        #expect(reader.phandle() == nil)
        #expect(reader.number(cellCount: 3) == nil)
        #expect(reader.number(cellCount: -1) == nil)
        #expect(reader.number(cellCount: 0) == 0)
        #expect(reader.cell() == 0)
        #expect(reader.cell() == 9)
        #expect(reader.cell() == nil)
    }
}

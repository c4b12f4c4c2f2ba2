// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Devices
import PlatformBus
import Testing

/// Arm DDI 0190, in the order in which Linux's gpio-pl061.c uses it.
@Suite struct PL061Tests {
    private let line = RecordingLine()
    private let block: PL061

    init() { block = PL061(line: line) }

    private func read(_ offset: UInt64) -> UInt64 { block.read(offset: offset, width: .word) }
    private func write(_ offset: UInt64, _ value: UInt64) { block.write(offset: offset, width: .byte, value: value) }

    @Test func `the identification is the part's`() {
        #expect((0..<8).map { read(0xfe0 + 4 * $0) } == [0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1])
    }

    @Test func `data is masked by address bits 9 to 2`() {
        block.setInput(3, high: true)
        #expect(read(0x3fc) == 0x08)
        #expect(read(8 << 2) == 0x08)
        #expect(read(0x3fc & ~(8 << 2)) == 0)
        #expect(read(0) == 0)
    }

    @Test func `only outputs can be written, and only those in the mask`() {
        write(0x3fc, 0xff)
        #expect(read(0x3fc) == 0)
        write(0x400, 0x0f)
        #expect(read(0x400) == 0x0f)
        write(0x03 << 2, 0xff)
        #expect(read(0x3fc) == 0x03)
        write(0x3fc, 0x0c)
        #expect(read(0x3fc) == 0x0c)
    }

    @Test func `both edges interrupt, each until it is cleared`() {
        write(0x408, 0x08)
        write(0x410, 0x08)
        block.setInput(3, high: true)
        #expect(line.levels == [true])
        #expect(read(0x414) == 0x08 && read(0x418) == 0x08)
        write(0x41c, 0x08)
        #expect(line.levels == [true, false])
        #expect(read(0x418) == 0)
        block.setInput(3, high: false)
        #expect(line.levels == [true, false, true])
    }

    @Test(arguments: [(rising: 0x08, levels: [true]), (rising: 0, levels: [])] as [(rising: UInt64, levels: [Bool])])
    func `one edge interrupts as the event register says`(rising: UInt64, levels: [Bool]) {
        write(0x40c, rising)
        write(0x410, 0x08)
        block.setInput(3, high: true)
        #expect(line.levels == levels)
        write(0x41c, 0xff)
        block.setInput(3, high: false)
        #expect(line.isHigh == (rising == 0))
    }

    @Test func `a level interrupts for as long as it is there`() {
        write(0x404, 0x08)
        write(0x40c, 0x08)
        write(0x410, 0x08)
        block.setInput(3, high: true)
        write(0x41c, 0xff)
        #expect(line.levels == [true])
        block.setInput(3, high: false)
        #expect(line.levels == [true, false])
    }

    @Test func `a masked interrupt is seen in the raw status only`() {
        write(0x40c, 0x08)
        block.setInput(3, high: true)
        #expect(line.levels == [])
        #expect(read(0x414) == 0x08 && read(0x418) == 0)
        write(0x410, 0x08)
        #expect(line.levels == [true])
    }

    @Test func `every offset and width is harmless`() {
        for offset in UInt64(0)..<0x1000 {
            for width in [AccessWidth.byte, .halfword, .word, .doubleword] {
                block.write(offset: offset, width: width, value: .max)
                _ = block.read(offset: offset, width: width)
            }
        }
        block.setInput(99, high: true)
    }
}

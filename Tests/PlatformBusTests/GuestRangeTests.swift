// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PlatformBus
import Testing

@Suite struct GuestRangeTests {
    @Test func `a range may end with the last byte`() throws {
        let range = try #require(GuestRange(base: GuestAddress(0xffff_ffff_ffff_f000), size: 0x1000))
        #expect(range.last == GuestAddress(UInt64.max))
        #expect(range.contains(GuestAddress(UInt64.max)))
        #expect(!range.contains(GuestAddress(0)))
    }

    @Test func `all but one byte of the address space is a range`() throws {
        let range = try #require(GuestRange(base: GuestAddress(0), size: .max))
        #expect(range.last == GuestAddress(UInt64.max - 1))
    }

    @Test(arguments: [(0, 0), (.max, 2), (0xffff_ffff_ffff_f000, 0x1001), (2, .max)] as [(UInt64, UInt64)])
    func `empty and overflowing ranges are refused`(base: UInt64, size: UInt64) {
        #expect(GuestRange(base: GuestAddress(base), size: size) == nil)
    }

    @Test func `overlap needs a byte in common`() throws {
        let range = try testRange(0x2000, 0x1000)
        #expect(try !range.overlaps(testRange(0x1000, 0x1000)))
        #expect(try !range.overlaps(testRange(0x3000, 0x1000)))
        #expect(try range.overlaps(testRange(0x1000, 0x1001)))
        #expect(try range.overlaps(testRange(0x2fff, 1)))
        #expect(try range.overlaps(testRange(0, 0x10000)))
        #expect(try range.overlaps(testRange(0x2800, 1)))
    }

    @Test func `contains whole ranges only`() throws {
        let range = try testRange(0x2000, 0x1000)
        #expect(try range.contains(testRange(0x2000, 0x1000)))
        #expect(try !range.contains(testRange(0x2000, 0x1001)))
        #expect(try !range.contains(testRange(0x1fff, 2)))
        #expect(range.contains(GuestAddress(0x2fff)))
        #expect(!range.contains(GuestAddress(0x3000)))
    }

    @Test func `addresses print in hexadecimal and don't wrap`() throws {
        #expect(GuestAddress(0x901_0000).description == "0x9010000")
        #expect(try testRange(0x901_0000, 0x1000).description == "0x9010000-0x9010fff")
        #expect(GuestAddress(UInt64.max).adding(1) == nil)
        #expect(GuestAddress(UInt64.max).aligned(to: 0x1000) == nil)
        #expect(GuestAddress(0x1001).aligned(to: 0x1000) == GuestAddress(0x2000))
        #expect(GuestAddress(0x1000).aligned(to: 0x1000) == GuestAddress(0x1000))
        #expect(GuestAddress(0x1000).aligned(to: 3) == nil)
    }

    @Test func `widths know their bytes and masks`() {
        #expect(AccessWidth(bytes: 4) == .word)
        #expect([0, 3, 5, 16].allSatisfy { AccessWidth(bytes: $0) == nil })
        #expect(AccessWidth.byte.mask == 0xff)
        #expect(AccessWidth.halfword.mask == 0xffff)
        #expect(AccessWidth.word.mask == 0xffff_ffff)
        #expect(AccessWidth.doubleword.mask == .max)
    }
}

/// A range that the test knows to be one.
func testRange(_ base: UInt64, _ size: UInt64) throws -> GuestRange {
    try #require(GuestRange(base: GuestAddress(base), size: size))
}

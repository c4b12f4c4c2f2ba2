// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import LinuxSystem

@Suite struct AlignedPlaceTests {
    private static let page: UInt64 = 4096

    /// Numbers that repeat from run to run (SplitMix64).
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private func expectRightPlace(start: UInt64, size: UInt64, alignment: UInt64, remainder: UInt64) throws {
        let sample = "start \(start), size \(size), alignment \(alignment), remainder \(remainder)"
        let reserved = try #require(AlignedPlace.reservation(size: size, alignment: alignment))
        let place = AlignedPlace(inReservationAt: UInt(start), alignment: alignment, remainder: remainder)
        let base = UInt64(place.base)
        #expect(base % alignment == remainder % alignment, "\(sample)")
        // Nothing outside the reservation is touched, all of it is accounted for, and there is no place before this
        // one.
        #expect(base - start == place.before && place.before < alignment, "\(sample)")
        #expect(base + size + place.behind == start + reserved, "\(sample)")
        #expect(place.behind > 0, "\(sample)")
    }

    @Test(arguments: [4096, 1 << 14, 1 << 16, 1 << 21, 1 << 25, 1 << 30, 1 << 34] as [UInt64])
    func `the place has the remainder, lies in the reservation, and is the first such`(alignment: UInt64) throws {
        var numbers = Numbers(state: alignment)
        let edges: [UInt64] = [0, Self.page, alignment / 2, alignment - Self.page, alignment, alignment + Self.page]
        for base in [0 as UInt64, 0x7FFF_8000_0000, 0xFFFF_0000_0000] {
            for start in edges {
                for remainder in edges {
                    try expectRightPlace(
                        start: base + start / Self.page * Self.page, size: Self.page, alignment: alignment,
                        remainder: remainder)
                }
            }
        }
        for _ in 0..<10_000 {
            try expectRightPlace(
                start: (numbers.next() >> 17) << 12, size: (numbers.next() >> 30 | 1) << 12, alignment: alignment,
                remainder: (numbers.next() >> 20) << 12)
        }
    }

    /// A page of 1 GiB, and a reservation that begins one page before the middle between two multiples: a place that
    /// was taken for far below the reservation.
    @Test func `a page of one gibibyte goes to the next multiple of its size`() {
        let place = AlignedPlace(inReservationAt: 0x7F12_3456_7000, alignment: 1 << 30, remainder: 0)
        #expect(place.base == 0x7F12_4000_0000)
        #expect(place.before == 0xBA9_9000 && place.behind == 0x3456_7000)
    }

    @Test func `what no address space has room for is no reservation`() {
        #expect(AlignedPlace.reservation(size: 0, alignment: 4096) == nil)
        #expect(AlignedPlace.reservation(size: 1, alignment: 0) == nil)
        #expect(AlignedPlace.reservation(size: 1, alignment: 3) == nil)
        #expect(AlignedPlace.reservation(size: 1 << 62, alignment: 4096) == nil)
        #expect(AlignedPlace.reservation(size: .max, alignment: 4096) == nil)
        #expect(AlignedPlace.reservation(size: 4096, alignment: 1 << 62) == nil)
        #expect(AlignedPlace.reservation(size: 4096, alignment: 1 << 63) == nil)
        #expect(
            AlignedPlace.reservation(size: (1 << 62) - 1, alignment: 1 << 61).map { Int(exactly: $0) != nil } == true)
    }

    @Test func `parts are added up`() {
        #expect(AlignedPlace.size(of: []) == 0)
        #expect(AlignedPlace.size(of: [5..<7, 0..<1, 9..<9]) == 3)
        #expect(AlignedPlace.size(of: [0..<UInt64.max, 0..<1]) == nil)
    }

    /// errno is what the last page of the address space would be; addresses with the highest bit set are none.
    @Test func `mmap's result is an address or an errno`() throws {
        let kernel = LinuxKernel()
        #expect(try kernel.mappedAddress(0x7000) == 0x7000)
        #expect(try kernel.mappedAddress(-4096) == UInt(bitPattern: -4096))
        #expect(throws: Errno.notPermitted) { try kernel.mappedAddress(-1) }
        #expect(throws: Errno(rawValue: 4095)) { try kernel.mappedAddress(-4095) }
    }
}

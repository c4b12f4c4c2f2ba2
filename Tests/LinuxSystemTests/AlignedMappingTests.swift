// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Testing

/// Mappings whose address has a given remainder, made by the kernel that runs here: where it puts the reservation is
/// its own choice.
@Suite struct AlignedMappingTests {
    private let kernel = LinuxKernel()
    private static let page = MemoryMapping.pageSize

    @Test(arguments: [page, 4 * page, 1 << 21, 1 << 25, 1 << 30] as [UInt64])
    func `the kernel's mapping has the alignment and the remainder that were asked for`(alignment: UInt64) throws {
        let parts = [2 * Self.page..<4 * Self.page, 0..<Self.page]
        let file = OwnedDescriptor(
            adopting: try kernel.createMemory(name: "martlet-test", size: 4 * Self.page), of: kernel)
        for remainder in [
            0, Self.page, alignment / 2 / Self.page * Self.page, alignment - Self.page, alignment + Self.page,
        ] {
            let mapping = try MemoryMapping(
                of: file.rawValue, parts: parts, alignment: alignment, remainder: remainder, system: kernel)
            #expect(UInt64(mapping.address) % alignment == remainder % alignment)
            #expect(mapping.size == 3 * Self.page)
            // The second part is the file's first page.
            let whole = try MemoryMapping(of: file.rawValue, size: 4 * Self.page, system: kernel)
            let last = try #require(mapping.bytes(at: 2 * Self.page, count: 1))
            last[0] = UInt8(truncatingIfNeeded: remainder / Self.page &+ 7)
            #expect(whole.bytes(at: 0, count: 1)?[0] == last[0])
        }
    }

    @Test func `what can't be mapped is an error`() throws {
        let file = OwnedDescriptor(adopting: try kernel.createMemory(name: "martlet-test", size: Self.page), of: kernel)
        let raw = file.rawValue
        for (parts, alignment, remainder) in [
            ([], Self.page, 0), ([0..<0], Self.page, 0), ([0..<Self.page], 0, 0), ([0..<Self.page], 3, 0),
            ([0..<Self.page], 2 * Self.page, 1), ([0..<Self.page], 1 << 62, 0),
            ([0..<UInt64.max, 0..<1], Self.page, 0),
        ] as [([Range<UInt64>], UInt64, UInt64)] {
            #expect(throws: Errno.invalidArgument, "\(parts) \(alignment) \(remainder)") {
                try kernel.mapShared(raw, parts: parts, alignment: alignment, remainder: remainder)
            }
        }
        #expect(throws: Errno.invalidArgument) {
            try kernel.createMemory(name: "martlet-test", size: 3 << 20, hugePageSize: 3 << 20)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Arm64
import Testing

@Suite struct TranslationTests {
    private static let halves: [(scheme: Int, upper: Bool)] = GuestTables.schemes.indices.flatMap {
        [($0, false), ($0, true)]
    }
    private static let low: UInt64 = 0x000a_5c3b_7d19_e6a8

    @Test(arguments: halves) func `pages of every scheme`(scheme: Int, upper: Bool) throws {
        var tables = GuestTables(GuestTables.schemes[scheme], upper: upper)
        let address = tables.address(Self.low)
        let output: UInt64 = tables.scheme.outputSize == 6 ? 0xf_6543_2109_8765 : 0x6543_2109_8765
        tables.map(address, to: output)

        let result = try tables.translate(address)

        let page: UInt64 = 1 << (tables.scheme.levels.last?.low ?? 0) - 1
        #expect(result.address == output & ~page | Self.low & page, "\(tables.scheme)")
        #expect(result.isUserAccessible && result.isWritable)
    }

    @Test(arguments: halves) func `blocks where the scheme has them`(scheme: Int, upper: Bool) throws {
        for entry in GuestTables.schemes[scheme].levels where entry.level < 3 {
            var tables = GuestTables(GuestTables.schemes[scheme], upper: upper)
            let address = tables.address(Self.low)
            let output: UInt64 = tables.scheme.outputSize == 6 ? 0xf_6543_2109_8765 : 0x6543_2109_8765
            tables.map(address, to: output, level: entry.level)
            let text: Comment = "\(tables.scheme), level \(entry.level)"

            if tables.scheme.blockLevels.contains(entry.level) {
                let block: UInt64 = 1 << entry.low - 1
                #expect(try tables.translate(address).address == output & ~block | Self.low & block, text)
            } else {
                #expect(throws: TranslationRegime.Fault.invalid(level: entry.level), text) {
                    try tables.translate(address)
                }
            }
        }
    }

    /// Every index of a first table that isn't a whole page, at both ends.
    @Test(arguments: halves) func `both ends of the half`(scheme: Int, upper: Bool) throws {
        for low in [0, UInt64.max] {
            var tables = GuestTables(GuestTables.schemes[scheme], upper: upper)
            let address = tables.address(low)
            tables.map(address, to: 0x1_2345_0000)

            let page: UInt64 = 1 << (tables.scheme.levels.last?.low ?? 0) - 1
            #expect(try tables.translate(address).address == 0x1_2345_0000 & ~page | low & page)
        }
    }

    @Test(arguments: halves) func `the first address outside is a fault`(scheme: Int, upper: Bool) {
        let tables = GuestTables(GuestTables.schemes[scheme], upper: upper)
        let outside = upper ? tables.address(0) - 1 : tables.address(.max) + 1

        #expect(throws: TranslationRegime.Fault.outsideRegime) { try tables.translate(outside) }
        // The other half is switched off.
        #expect(throws: TranslationRegime.Fault.outsideRegime) { try tables.translate(~tables.address(Self.low)) }
    }

    @Test(arguments: halves) func `invalid descriptors at each level`(scheme: Int, upper: Bool) {
        for (position, entry) in GuestTables.schemes[scheme].levels.enumerated() {
            for descriptor in [0, 2, 0xffff_ffff_ffff_fffe] as [UInt64] {
                var tables = GuestTables(GuestTables.schemes[scheme], upper: upper)
                let address = tables.address(Self.low)
                tables.map(address, to: 0)
                tables.memory[tables.place(address, position)] = descriptor

                #expect(throws: TranslationRegime.Fault.invalid(level: entry.level)) { try tables.translate(address) }
            }
        }
    }

    @Test func `reserved type at the last level is invalid`() {
        var tables = GuestTables(GuestTables.schemes[0], upper: false)
        tables.map(0x1000, to: 0x5000)
        tables.memory[tables.place(0x1000, 3)] = 0x5000 | 1

        #expect(throws: TranslationRegime.Fault.invalid(level: 3)) { try tables.translate(0x1000) }
    }

    @Test func `top byte is ignored where the guest says so`() throws {
        for upper in [false, true] {
            var tables = GuestTables(GuestTables.schemes[0], upper: upper)
            let address = tables.address(Self.low)
            let tagged = address ^ 0x5a00_0000_0000_0000
            tables.map(address, to: 0x5000)
            #expect(throws: TranslationRegime.Fault.outsideRegime) { try tables.translate(tagged) }

            // TBI of the other half doesn't help.
            tables.regime.translationControl |= upper ? 1 << 37 : 1 << 38
            #expect(throws: TranslationRegime.Fault.outsideRegime) { try tables.translate(tagged) }
            tables.regime.translationControl |= 3 << 37
            #expect(try tables.translate(tagged).address == 0x5000 | Self.low & 0xfff)
            #expect(try tables.translate(tagged, for: .instruction).address == 0x5000 | Self.low & 0xfff)

            // TBID: for data only.
            tables.regime.translationControl |= 3 << 51
            #expect(try tables.translate(tagged).address == 0x5000 | Self.low & 0xfff)
            #expect(throws: TranslationRegime.Fault.outsideRegime) { try tables.translate(tagged, for: .instruction) }
            // Bits below the tag still count.
            #expect(throws: TranslationRegime.Fault.outsideRegime) { try tables.translate(tagged ^ 1 << 50) }
        }
    }

    @Test func `permissions come from the leaf and the tables`() throws {
        let leaf: UInt64 = 1 << 10 | 1 << 6
        for (leafFlags, flags, user, writable) in [
            (leaf, 0, true, true), (1 << 10, 0, false, true), (leaf | 1 << 7, 0, true, false),
            (leaf, 1 << 61, false, true), (leaf, 1 << 62, true, false), (1 << 7, 3 << 61, false, false),
        ] as [(UInt64, UInt64, Bool, Bool)] {
            for upper in [false, true] {
                var tables = GuestTables(GuestTables.schemes[0], upper: upper)
                let address = tables.address(Self.low)
                tables.map(address, to: 0x5000, leafFlags: leafFlags, flags: flags)

                let result = try tables.translate(address)
                #expect(result.isUserAccessible == user && result.isWritable == writable)

                // HPD: what the tables say is void.
                tables.regime.translationControl |= upper ? 1 << 42 : 1 << 41
                let plain = try tables.translate(address)
                #expect(plain.isUserAccessible == (leafFlags & 1 << 6 != 0))
                #expect(plain.isWritable == (leafFlags & 1 << 7 == 0))
            }
        }
    }

    /// The output size limits each table and the result.
    @Test(arguments: [(0, 32), (1, 36), (2, 40), (3, 42), (4, 44), (5, 48)] as [(UInt64, UInt64)])
    func `outputs beyond the size are faults`(field: UInt64, bits: UInt64) throws {
        var tables = GuestTables(GuestTables.schemes[2], upper: false)
        tables.regime.translationControl = tables.regime.translationControl & ~(7 << 32) | field << 32
        tables.regime.tableBase0 = 0x1_0000
        tables.memory[0x1_0000] = 0x2_0003
        tables.memory[0x2_0000] = 0x3_0003
        tables.memory[0x3_0000] = (1 << bits - 0x1000) | 3
        #expect(try tables.translate(0x10).address == 1 << bits - 0x1000 + 0x10)
        guard bits < 48 else { return }

        tables.memory[0x3_0000] = 1 << bits | 3
        #expect(throws: TranslationRegime.Fault.addressSize(level: 3)) { try tables.translate(0) }
        tables.memory[0x2_0000] = 1 << bits | 3
        #expect(throws: TranslationRegime.Fault.addressSize(level: 2)) { try tables.translate(0) }
        tables.memory[0x1_0000] = 1 << bits | 1
        #expect(throws: TranslationRegime.Fault.addressSize(level: 1)) { try tables.translate(0) }
        tables.regime.tableBase0 = 1 << bits
        #expect(throws: TranslationRegime.Fault.addressSize(level: 1)) { try tables.translate(0) }
    }

    @Test func `table that is not in memory is a fault`() {
        var tables = GuestTables(GuestTables.schemes[0], upper: false)
        #expect(throws: TranslationRegime.Fault.noMemory(address: tables.root)) { try tables.translate(0) }

        tables.memory[tables.root] = 0x7000 | 3
        #expect(throws: TranslationRegime.Fault.noMemory(address: 0x7008)) { try tables.translate(1 << 30) }
    }

    @Test func `without the MMU the address is itself`() throws {
        var regime = TranslationRegime(control: 0)
        func translate(_ address: UInt64) throws(TranslationRegime.Fault) -> UInt64 {
            try regime.translate(address, for: .data) { _ in nil }.address
        }

        #expect(try translate(0x900_0000) == 0x900_0000)
        #expect(throws: TranslationRegime.Fault.self) { try translate(1 << 52) }
        #expect(throws: TranslationRegime.Fault.self) { try translate(0x5a00_0000_0900_0000) }
        regime.translationControl = 1 << 37
        #expect(try translate(0x5a00_0000_0900_0000) == 0x900_0000)
    }

    @Test(
        arguments: [
            (1 << 25, 0, 0, "SCTLR_EL1.EE"), (0, 3 << 14, 0, "TG0"), (0, 16, 0, "T0SZ"), (0, 0, 1 << 5, "D128"),
            (0, 63, 0, "T0SZ"),
        ] as [(UInt64, UInt64, UInt64, String)])
    func `settings that are not followed are named`(control: UInt64, change: UInt64, control2: UInt64, name: String) {
        var tables = GuestTables(GuestTables.schemes[0], upper: false)
        tables.map(0, to: 0)
        tables.regime.control |= control
        // T0SZ is 16 here: changed into 0 and 47 + 16.
        tables.regime.translationControl ^= change == 63 ? 16 ^ 63 : change
        tables.regime.translationControl2 = control2

        do {
            _ = try tables.translate(0)
            Issue.record("\(name) was followed")
        } catch { #expect(error.description.contains(name)) }
    }

    @Test func `big endian data is seen for each level`() {
        #expect(!TranslationRegime(control: 1).isBigEndian(atEL0: true))
        #expect(TranslationRegime(control: 1 << 24).isBigEndian(atEL0: true))
        #expect(!TranslationRegime(control: 1 << 24).isBigEndian(atEL0: false))
        #expect(TranslationRegime(control: 1 << 25).isBigEndian(atEL0: false))
    }

    /// A table that is its own next one: the walk ends after the levels that there are.
    @Test(arguments: GuestTables.schemes.indices) func `tables that point to themselves end`(scheme: Int) throws {
        let tables = GuestTables(GuestTables.schemes[scheme], upper: false)
        let itself = tables.encode(tables.root) | 3
        var reads = 0
        // At the last level a table's descriptor is a page's.
        let result = try tables.regime.translate(tables.address(Self.low), for: .data) { _ in
            reads += 1
            return itself
        }
        let page: UInt64 = 1 << (tables.scheme.levels.last?.low ?? 0) - 1
        #expect(reads == tables.scheme.levels.count && result.address == tables.root | Self.low & page)
    }

    /// Registers, addresses and descriptors of any value: an answer comes, after at most five reads.
    @Test func `anything has an answer`() {
        var generator = Xorshift(state: 0x0123_4567_89ab_cdef)
        var found = 0
        for round in 0..<200_000 {
            var regime = TranslationRegime(
                control: generator.next() | 1, translationControl: generator.next(), tableBase0: generator.next(),
                tableBase1: generator.next(), translationControl2: generator.next())
            var address = generator.next()
            if round & 1 == 0 {
                // Mostly plausible, so that walks get far.
                regime.control &= ~(1 << 25)
                regime.translationControl2 = 0
                regime.translationControl &= ~(1 << 7 | 1 << 23 | 0x30 | 0x30 << 16)
                regime.translationControl |= 20 | 20 << 16 | 6 << 32
                address = address >> 55 & 1 == 0 ? address & (1 << 40 - 1) : address | ~(1 << 40 - 1)
            }
            var reads = 0
            do {
                _ = try regime.translate(address, for: .data) { place in
                    reads += 1
                    if place & 7 != 0 { Issue.record("unaligned: \(place)") }
                    let value = generator.next()
                    return value & 15 == 0 ? nil : value | 1
                }
                found += 1
            } catch {}
            if reads > 5 { Issue.record("\(reads) reads") }
        }
        #expect(found > 10_000)
    }

    /// Arm ARM, D8.5 Hardware management of dirty state: with TCR_EL1.HA and HD a page with AP[2] and DBM is one that
    /// the hardware makes writable at the first store.
    @Test(arguments: [
        (dirtyState: true, accessFlag: true, modifier: true, isWritable: true),
        (true, true, false, false), (true, false, true, false), (false, true, true, false),
    ])
    func `a writable-clean page is writable where the hardware manages dirty state`(
        dirtyState: Bool, accessFlag: Bool, modifier: Bool, isWritable: Bool
    ) throws {
        // 4 KiB, 39 bits, a block of 1 GiB for user and kernel with AP[2] set.
        let control: UInt64 = 25 | 25 << 16 | 2 << 30 | 2 << 32
        let regime = TranslationRegime(
            control: 1, translationControl: control | (accessFlag ? 1 << 39 : 0) | (dirtyState ? 1 << 40 : 0),
            tableBase0: 0x8000_0000, tableBase1: 0x8000_0000)
        let descriptor: UInt64 = 1 | 1 << 6 | 1 << 7 | 1 << 10 | (modifier ? 1 << 51 : 0)
        #expect(try regime.translate(0x1000, for: .data) { _ in descriptor }.isWritable == isWritable)
    }

    /// APTable limits what a writable-clean page allows, as it does any other.
    @Test func `a table's limit holds for a writable-clean page`() throws {
        let control: UInt64 = 25 | 25 << 16 | 2 << 30 | 2 << 32
        let table: UInt64 = 0x8000_1000 | 3 | 1 << 62
        let block: UInt64 = 1 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 51
        let regime = TranslationRegime(
            control: 1, translationControl: control | 3 << 39, tableBase0: 0x8000_0000)
        let result = try regime.translate(0x1000, for: .data) { $0 == 0x8000_0000 ? table : block }
        #expect(result.isUserAccessible && !result.isWritable)
    }
}

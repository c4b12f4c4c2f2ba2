// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Arm64

@Suite struct DecodingTests {
    private static let assembler: Comment = "GNU as and objcopy for AArch64 (binutils-aarch64-linux-gnu) are not here"

    @Test(.enabled(if: Assembler.isAvailable, assembler)) func `every form is read as its text says`() throws {
        let lines = AssembledForms.lines

        let words = try Assembler.assemble(lines)

        #expect(lines.count > 1900)
        for (line, word) in zip(lines, words) {
            let expected = try #require(AssemblyLine.read(line), "the test can't read: \(line)")
            let found: LoadStore
            do { found = try LoadStore.decode(word) } catch {
                Issue.record("\(line): \(error)")
                continue
            }
            #expect(found == expected, "\(line)")
        }
        // Each row of emulated forms was needed.
        for (index, row) in EncodingClass.table.enumerated() where row.kind != .notEmulated {
            let isUsed = words.contains { word in
                EncodingClass.table.firstIndex { word & $0.mask == $0.value } == index
            }
            #expect(isUsed, "\(row.name)")
        }
    }

    @Test(.enabled(if: Assembler.isAvailable, assembler)) func `what is not emulated is called by name`() throws {
        let lines = [
            ("ldxr w0, [x1]", "exclusive"), ("stxr w2, x0, [x1]", "exclusive"), ("ldaxrb w0, [x1]", "exclusive"),
            ("stlxrh w2, w0, [sp]", "exclusive"), ("ldxp x0, x2, [x1]", "exclusive"),
            ("stlxp w3, w0, w2, [x1]", "exclusive"),
            ("casp x0, x1, x2, x3, [x4]", "CASP"), ("caspal w0, w1, w2, w3, [x4]", "CASP"), ("cas w0, w1, [x2]", "CAS"),
            ("casalb w0, w1, [x2]", "CAS"), ("swp x0, x1, [x2]", "SWP"), ("swpalh w0, w1, [x2]", "SWP"),
            ("ldadd x0, x1, [x2]", "atomic"), ("stclrb w0, [x2]", "atomic"), ("ldsmax w0, w1, [sp]", "atomic"),
            ("lduminl x0, x1, [x2]", "atomic"), ("ld64b x0, [x2]", "64-byte"), ("st64b x0, [x2]", "64-byte"),
            ("dc zva, x0", "DC ZVA"), ("dc civac, x0", "cache maintenance"), ("ic ivau, x0", "cache maintenance"),
            ("ld1 {v0.16b}, [x0]", "structures"), ("st4 {v0.4s-v3.4s}, [x0], #64", "structures"),
            ("ld1 {v0.b}[3], [x0]", "structures"), ("ld2r {v0.2d, v1.2d}, [x0], x3", "structures"),
            ("st3 {v0.h, v1.h, v2.h}[1], [x0], #6", "structures"), ("ldraa x0, [x1, #8]", "pointer authentication"),
            ("ldrab x0, [x1, #-8]!", "pointer authentication"), ("stg x0, [x1]", "tags"), ("ldg x0, [x1]", "tags"),
            ("st2g x0, [x1], #16", "tags"), ("stzgm x0, [x1]", "tags"), ("ld1b {z0.b}, p0/z, [x0]", "SVE"),
            ("str z0, [x0]", "SVE"), ("ldr p0, [x0]", "SVE"), ("st1d {z0.d}, p0, [x0, x1, lsl #3]", "SVE"),
        ]

        let words = try Assembler.assemble(lines.map(\.0))

        for ((line, name), word) in zip(lines, words) {
            do {
                let found = try LoadStore.decode(word)
                Issue.record("\(line): \(found)")
            } catch {
                guard case .unsupported(let found) = error else {
                    Issue.record("\(line): \(error)")
                    continue
                }
                #expect(found.contains(name), "\(line): \(found)")
            }
        }
    }

    /// An assembler refuses these, so they are words. Those of the second column differ by one register and are fine.
    @Test(
        arguments: [
            (0xb840_44a5, 0xb840_44a6, "ldr w5, [x5], #4"), (0xf800_8ca5, 0xf800_8ca6, "str x5, [x5, #8]!"),
            (0xa940_0441, 0xa940_0440, "ldp x1, x1, [x2]"), (0xa8c1_18a5, 0xa8c1_18a7, "ldp x5, x6, [x5], #16"),
            (0xa881_04a5, 0xa881_04a4, "stp x5, x1, [x5], #16"), (0xa881_14a1, 0xa881_18a1, "stp x1, x5, [x5], #16"),
            (0x6cc1_0401, 0x6cc1_0400, "ldp d1, d1, [x0], #16"),
        ] as [(UInt32, UInt32, String)])
    func `unpredictable forms are not emulated`(word: UInt32, neighbour: UInt32, text: String) throws {
        do {
            let found = try LoadStore.decode(word)
            Issue.record("\(text): \(found)")
        } catch {
            guard case .unpredictable = error else {
                Issue.record("\(text): \(error)")
                return
            }
        }
        _ = try LoadStore.decode(neighbour)
    }

    @Test(
        arguments: [
            0xd503_201f, 0x1400_0000, 0x9100_0000, 0x0000_0000, 0xffff_ffff, 0x1e20_4000, 0xd65f_03c0,
        ] as [UInt32])
    func `other instructions are no loads or stores`(word: UInt32) {
        #expect(throws: LoadStore.NotEmulated.unknown) { try LoadStore.decode(word) }
    }

    @Test(
        arguments: [
            (0xb8c0_0000 | 1 << 30, "opc 11 with size 11"), (0xb8c0_0000, "opc 11 with size 10"),
            (0x7c80_0000, "a vector of 128 bits and size 01"), (0xf880_0400, "a prefetch with write-back"),
            (0x3c40_0800, "LDTR of a vector"), (0xb860_0800, "a register offset of option 000"),
            (0xdc00_0000, "a literal vector of opc 11"), (0x6900_0000, "STGP"), (0xe940_0000, "a pair of opc 11"),
            (0x6840_0000, "LDNP of opc 01"), (0xed40_0000, "a vector pair of opc 11"),
            (0x99c0_0000, "LDAPURS of size 10"),
        ] as [(UInt32, String)])
    func `unallocated words are refused`(word: UInt32, text: String) {
        do {
            let found = try LoadStore.decode(word)
            Issue.record("\(text): \(found)")
        } catch {
            guard case .unallocated = error else {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    /// Random words, half of them made loads or stores by their class: there is an answer for each, and it keeps to the
    /// limits that `InstructionEmulator` relies on.
    @Test func `any word has an answer`() throws {
        var generator = Xorshift(state: 0x9e37_79b9_7f4a_7c15)
        var decoded = 0
        for round in 0..<200_000 {
            var word = UInt32(truncatingIfNeeded: generator.next())
            if round & 1 == 0, let row = EncodingClass.table.randomElement(using: &generator) {
                word = word & ~row.mask | row.value
                // A narrower row before it may have taken it.
                #expect(EncodingClass.of(word) != nil)
            }
            let row = EncodingClass.of(word)
            do {
                let found = try LoadStore.decode(word)
                decoded += 1
                let kept =
                    row != nil && row?.kind != .notEmulated && found.byteCount <= 32
                    && found.accesses.reduce(0) { $0 + UInt64($1.bytes) } == found.byteCount
                    && found.accesses.allSatisfy { [1, 2, 4, 8].contains($0.bytes) && $0.register < 32 }
                if !kept { Issue.record("0x\(String(word, radix: 16)): \(found)") }
                _ = found.address(base: generator.next(), index: generator.next())
                _ = found.extended(generator.next())
            } catch {
                let isRight =
                    switch error {
                    case .unknown: row == nil
                    case .unsupported: row?.kind == .notEmulated
                    case .unallocated, .unpredictable: row != nil && row?.kind != .notEmulated
                    }
                if !isRight { Issue.record("0x\(String(word, radix: 16)): \(error)") }
            }
        }
        #expect(decoded > 40_000)
    }
}

/// Numbers that repeat.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

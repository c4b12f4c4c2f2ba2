// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Arm64

/// Translation tables in a memory of the test's, written descriptor by descriptor.
struct GuestTables {
    /// A translation scheme as the Arm ARM's tables list them (DDI 0487, D8.2 Address translation): for each level the
    /// address bits that index its table. Written out here, so that the walker's arithmetic is checked by other means.
    struct Scheme: CustomStringConvertible {
        let name: String
        /// The values of TCR_EL1.TG0 and TG1.
        let granule: (UInt64, UInt64)
        let inputBits: UInt64
        let isWide: Bool
        /// From the first level to the last (3): its number, and the lowest bit of its index.
        let levels: [(level: Int, low: UInt64)]
        /// The levels at which a block may be.
        let blockLevels: Set<Int>
        /// TCR_EL1.IPS.
        var outputSize: UInt64 = 5
        var description: String { name }

        /// The first of the index bits above `position`'s.
        func high(_ position: Int) -> UInt64 { position == 0 ? inputBits : levels[position - 1].low }
    }

    private static let kibibytes4: (UInt64, UInt64) = (0, 2)
    private static let kibibytes16: (UInt64, UInt64) = (2, 1)
    private static let kibibytes64: (UInt64, UInt64) = (1, 3)

    static let schemes: [Scheme] = [
        Scheme(
            name: "4 KiB, 48 bits", granule: kibibytes4, inputBits: 48, isWide: false,
            levels: [(0, 39), (1, 30), (2, 21), (3, 12)], blockLevels: [1, 2]),
        Scheme(
            name: "4 KiB, 39 bits", granule: kibibytes4, inputBits: 39, isWide: false,
            levels: [(1, 30), (2, 21), (3, 12)], blockLevels: [1, 2]),
        Scheme(
            name: "4 KiB, 36 bits", granule: kibibytes4, inputBits: 36, isWide: false,
            levels: [(1, 30), (2, 21), (3, 12)], blockLevels: [1, 2]),
        Scheme(
            name: "4 KiB, 30 bits", granule: kibibytes4, inputBits: 30, isWide: false,
            levels: [(2, 21), (3, 12)], blockLevels: [2]),
        Scheme(
            name: "4 KiB, 16 bits", granule: kibibytes4, inputBits: 16, isWide: false, levels: [(3, 12)],
            blockLevels: []),
        Scheme(
            name: "4 KiB, 52 bits (LPA2)", granule: kibibytes4, inputBits: 52, isWide: true,
            levels: [(-1, 48), (0, 39), (1, 30), (2, 21), (3, 12)], blockLevels: [0, 1, 2], outputSize: 6),
        Scheme(
            name: "4 KiB, 48 bits with LPA2's descriptors", granule: kibibytes4, inputBits: 48, isWide: true,
            levels: [(0, 39), (1, 30), (2, 21), (3, 12)], blockLevels: [0, 1, 2], outputSize: 6),
        Scheme(
            name: "16 KiB, 48 bits", granule: kibibytes16, inputBits: 48, isWide: false,
            levels: [(0, 47), (1, 36), (2, 25), (3, 14)], blockLevels: [2]),
        Scheme(
            name: "16 KiB, 47 bits", granule: kibibytes16, inputBits: 47, isWide: false,
            levels: [(1, 36), (2, 25), (3, 14)], blockLevels: [2]),
        Scheme(
            name: "16 KiB, 36 bits", granule: kibibytes16, inputBits: 36, isWide: false,
            levels: [(2, 25), (3, 14)], blockLevels: [2]),
        Scheme(
            name: "16 KiB, 52 bits (LPA2)", granule: kibibytes16, inputBits: 52, isWide: true,
            levels: [(0, 47), (1, 36), (2, 25), (3, 14)], blockLevels: [1, 2], outputSize: 6),
        Scheme(
            name: "64 KiB, 48 bits", granule: kibibytes64, inputBits: 48, isWide: false,
            levels: [(1, 42), (2, 29), (3, 16)], blockLevels: [2]),
        Scheme(
            name: "64 KiB, 42 bits", granule: kibibytes64, inputBits: 42, isWide: false,
            levels: [(2, 29), (3, 16)], blockLevels: [2]),
        Scheme(
            name: "64 KiB, 52 bits (LVA and LPA)", granule: kibibytes64, inputBits: 52, isWide: false,
            levels: [(1, 42), (2, 29), (3, 16)], blockLevels: [1, 2], outputSize: 6),
    ]

    let scheme: Scheme
    let isUpper: Bool
    /// Descriptors by address.
    var memory: [UInt64: UInt64] = [:]
    var regime: TranslationRegime
    /// The first table's address.
    let root: UInt64

    /// Where the tables are: beyond 48 bits where the scheme allows it.
    init(_ scheme: Scheme, upper: Bool) {
        self.scheme = scheme
        isUpper = upper
        root = scheme.outputSize == 6 ? 0x5_8123_4568_0000 : 0x8123_4568_0000
        let base = root & (1 << 48 - 1) | (root >> 48) << 2
        let size = 64 - scheme.inputBits
        // The other half is switched off, with a granule that is reserved, and has nonsense for a base.
        var control = scheme.outputSize << 32 | (scheme.isWide ? 1 << 59 : 0)
        control |=
            upper ? size << 16 | scheme.granule.1 << 30 | 1 << 7 | 3 << 14 : size | scheme.granule.0 << 14 | 1 << 23
        regime = TranslationRegime(
            control: 1, translationControl: control, tableBase0: upper ? 0xdead_beef_dead_beef : base,
            tableBase1: upper ? base : 0xdead_beef_dead_beef)
    }

    /// A table for each level after the first.
    private func table(_ position: Int) -> UInt64 {
        position == 0 ? root : root + UInt64(position) * 0x100_0000
    }

    func index(_ address: UInt64, _ position: Int) -> UInt64 {
        let bits = scheme.high(position) - scheme.levels[position].low
        return address >> scheme.levels[position].low & (1 << bits - 1)
    }

    /// Where the descriptor for `address` is in the table at `position`.
    func place(_ address: UInt64, _ position: Int) -> UInt64 { table(position) + index(address, position) * 8 }

    /// The address's bits in a descriptor.
    func encode(_ output: UInt64) -> UInt64 {
        var descriptor = output & (1 << 48 - 1)
        let high = output >> 48 & 0xf
        if scheme.isWide {
            descriptor |= (high & 3) << 48 | (high >> 2) << 8
        } else if scheme.granule == Self.kibibytes64 {
            descriptor |= high << 12
        }
        return descriptor
    }

    /// Leads `address` to `output` by a page, or by a block at `level`. `flags` are put into each descriptor on the
    /// way, the last one's excepted, which gets `leafFlags`.
    mutating func map(
        _ address: UInt64, to output: UInt64, level: Int = 3, leafFlags: UInt64 = 1 << 10 | 1 << 6, flags: UInt64 = 0
    ) {
        for (position, entry) in scheme.levels.enumerated() where entry.level <= level {
            if entry.level < level {
                memory[place(address, position)] = encode(table(position + 1)) | flags | 3
            } else {
                let base = output & ~(1 << entry.low - 1)
                memory[place(address, position)] = encode(base) | leafFlags | (level == 3 ? 3 : 1)
            }
        }
    }

    func translate(
        _ address: UInt64, for use: TranslationRegime.Use = .data
    ) throws(TranslationRegime.Fault) -> TranslationRegime.Result {
        try regime.translate(address, for: use) { memory[$0] }
    }

    /// An address of the half with the given low bits.
    func address(_ low: UInt64) -> UInt64 {
        let mask: UInt64 = 1 << scheme.inputBits - 1
        return isUpper ? low & mask | ~mask : low & mask
    }
}

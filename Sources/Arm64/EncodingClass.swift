// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A class of the A64 encoding: the instruction words that belong to it, and how to decode them.
struct EncodingClass: Sendable {
    /// How to decode a word of the class, or why it isn't emulated.
    enum Kind: Equatable, Sendable {
        case unsignedImmediate
        case unscaledImmediate
        case unprivileged
        case indexed(LoadStore.Indexing)
        case registerOffset
        case literal
        case pair(LoadStore.Indexing)
        case noAllocatePair
        /// LDAR, STLR, LDLAR, STLLR.
        case ordered
        /// LDAPUR, STLUR.
        case orderedUnscaled
        /// LDAPR.
        case acquire
        case notEmulated
    }

    let mask: UInt32
    let value: UInt32
    let kind: Kind
    /// The name in messages.
    let name: StaticString
    /// The class's name in the Arm ARM's encoding index.
    let section: StaticString

    /// The class of `word`: the first row that matches. Nil for a word that isn't a known load or store.
    static func of(_ word: UInt32) -> EncodingClass? {
        for row in table where word & row.mask == row.value { return row }
        return nil
    }

    // The sections are those of the Arm Architecture Reference Manual (DDI 0487), C4.1 A64 instruction set encoding,
    // "Loads and Stores"; their numbers differ between issues, their titles don't. A class within another class comes
    // first.
    static let table: [EncodingClass] = [
        EncodingClass(
            mask: 0x3b00_0000, value: 0x3900_0000, kind: .unsignedImmediate, name: "LDR/STR (unsigned offset)",
            section: "C4.1 Load/store register (unsigned immediate)"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x3800_0000, kind: .unscaledImmediate, name: "LDUR/STUR",
            section: "C4.1 Load/store register (unscaled immediate)"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x3800_0400, kind: .indexed(.postIndexed), name: "LDR/STR (post-indexed)",
            section: "C4.1 Load/store register (immediate post-indexed)"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x3800_0800, kind: .unprivileged, name: "LDTR/STTR",
            section: "C4.1 Load/store register (unprivileged)"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x3800_0c00, kind: .indexed(.preIndexed), name: "LDR/STR (pre-indexed)",
            section: "C4.1 Load/store register (immediate pre-indexed)"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x3820_0800, kind: .registerOffset, name: "LDR/STR (register)",
            section: "C4.1 Load/store register (register offset)"),
        EncodingClass(
            mask: 0x3b80_0000, value: 0x2800_0000, kind: .noAllocatePair, name: "LDNP/STNP",
            section: "C4.1 Load/store no-allocate pair (offset)"),
        EncodingClass(
            mask: 0x3b80_0000, value: 0x2880_0000, kind: .pair(.postIndexed), name: "LDP/STP (post-indexed)",
            section: "C4.1 Load/store register pair (post-indexed)"),
        EncodingClass(
            mask: 0x3b80_0000, value: 0x2900_0000, kind: .pair(.offset), name: "LDP/STP (signed offset)",
            section: "C4.1 Load/store register pair (offset)"),
        EncodingClass(
            mask: 0x3b80_0000, value: 0x2980_0000, kind: .pair(.preIndexed), name: "LDP/STP (pre-indexed)",
            section: "C4.1 Load/store register pair (pre-indexed)"),
        EncodingClass(
            mask: 0x3b00_0000, value: 0x1800_0000, kind: .literal, name: "LDR (literal)",
            section: "C4.1 Load register (literal)"),
        EncodingClass(
            mask: 0x3fa0_0000, value: 0x0880_0000, kind: .ordered, name: "LDAR/STLR", section: "C4.1 Load/store ordered"
        ),
        EncodingClass(
            mask: 0x3f20_0c00, value: 0x1900_0000, kind: .orderedUnscaled, name: "LDAPUR/STLUR",
            section: "C4.1 LDAPR/STLR (unscaled immediate)"),
        EncodingClass(
            mask: 0x3fff_fc00, value: 0x38bf_c000, kind: .acquire, name: "LDAPR",
            section: "C4.1 Atomic memory operations"),

        // Not emulated; listed so that messages can name them.
        EncodingClass(
            mask: 0x3fa0_0000, value: 0x0800_0000, kind: .notEmulated, name: "an exclusive load or store",
            section: "C4.1 Load/store exclusive register"),
        EncodingClass(
            mask: 0xbfa0_0000, value: 0x8820_0000, kind: .notEmulated, name: "an exclusive load or store of a pair",
            section: "C4.1 Load/store exclusive pair"),
        EncodingClass(
            mask: 0xbfa0_0000, value: 0x0820_0000, kind: .notEmulated, name: "a compare and swap of a pair (CASP)",
            section: "C4.1 Compare and swap pair"),
        EncodingClass(
            mask: 0x3fa0_0000, value: 0x08a0_0000, kind: .notEmulated, name: "a compare and swap (CAS)",
            section: "C4.1 Compare and swap"),
        EncodingClass(
            mask: 0x3b20_8c00, value: 0x3820_8000, kind: .notEmulated,
            name: "a swap or 64-byte access (SWP, LD64B, ST64B)",
            section: "C4.1 Atomic memory operations"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x3820_0000, kind: .notEmulated, name: "an atomic operation (LDADD, STADD, …)",
            section: "C4.1 Atomic memory operations"),
        EncodingClass(
            mask: 0xff20_0000, value: 0xd920_0000, kind: .notEmulated, name: "a load or store of memory tags",
            section: "C4.1 Load/store memory tags"),
        EncodingClass(
            mask: 0x3f20_0c00, value: 0x1920_0000, kind: .notEmulated, name: "a 128-bit atomic operation",
            section: "C4.1 128-bit atomic memory operations"),
        EncodingClass(
            mask: 0xff20_0400, value: 0xf820_0400, kind: .notEmulated,
            name: "a load with pointer authentication (LDRAA, LDRAB)",
            section: "C4.1 Load/store register (pac)"),
        EncodingClass(
            mask: 0xbfbf_0000, value: 0x0c00_0000, kind: .notEmulated,
            name: "a load or store of structures (LD1 to ST4)",
            section: "C4.1 Advanced SIMD load/store multiple structures"),
        EncodingClass(
            mask: 0xbfa0_0000, value: 0x0c80_0000, kind: .notEmulated,
            name: "a load or store of structures (LD1 to ST4)",
            section: "C4.1 Advanced SIMD load/store multiple structures (post-indexed)"),
        EncodingClass(
            mask: 0xbf9f_0000, value: 0x0d00_0000, kind: .notEmulated,
            name: "a load or store of structures (LD1 to ST4)",
            section: "C4.1 Advanced SIMD load/store single structure"),
        EncodingClass(
            mask: 0xbf80_0000, value: 0x0d80_0000, kind: .notEmulated,
            name: "a load or store of structures (LD1 to ST4)",
            section: "C4.1 Advanced SIMD load/store single structure (post-indexed)"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x1900_0400, kind: .notEmulated, name: "a memory copy or set (CPY, SET)",
            section: "C4.1 Memory Copy and Memory Set"),
        EncodingClass(
            mask: 0x3b20_0c00, value: 0x1900_0800, kind: .notEmulated, name: "an ordered load or store of FEAT_LRCPC3",
            section: "C4.1 LDIAPP/STILP and LDAPR/STLR (SIMD&FP)"),
        EncodingClass(
            mask: 0xffff_ffe0, value: 0xd50b_7420, kind: .notEmulated, name: "DC ZVA",
            section: "C4.1 System instructions"),
        EncodingClass(
            mask: 0xfff8_f000, value: 0xd508_7000, kind: .notEmulated, name: "a cache maintenance instruction",
            section: "C4.1 System instructions"),
        EncodingClass(
            mask: 0x1e00_0000, value: 0x0400_0000, kind: .notEmulated, name: "an SVE instruction",
            section: "C4.1 SVE encodings"),
        EncodingClass(
            mask: 0x9e00_0000, value: 0x8000_0000, kind: .notEmulated, name: "an SME instruction",
            section: "C4.1 SME encodings"),
    ]
}

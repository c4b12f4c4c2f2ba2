// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import Testing

@testable import Passthrough

/// A model of each part that Martlet has a recipe for, as a guest may have left it, and what it has to be afterwards.
struct RecipeCase: CustomTestStringConvertible, Sendable {
    typealias Bits = RegisterModel.Bits
    typealias Rule = RegisterModel.Rule

    let compatible: String
    /// Registers at first; all others are `filler`.
    let words: [(offset: Int, value: UInt32)]
    let rules: [Rule]
    /// Registers at the end.
    let expected: [(offset: Int, value: UInt32)]
    /// Whether it has a step that fails when the part doesn't do its share.
    var hasPoll = true

    var testDescription: String { compatible }

    /// The same in each byte.
    static let filler: UInt32 = 0xA5A5_A5A5
    /// Where a model notes that something was done in the right way.
    static let mark = 0xFF0
    /// In bytes.
    static let size: UInt64 = 0x4000

    static func named(_ compatible: String) -> RecipeCase { all.first { $0.compatible == compatible }! }

    /// Clears bits once others are as given, as a part does that takes its time.
    private static func follows(
        _ trigger: Bits, _ effects: [Bits], watched: Int, if conditions: [Bits] = []
    ) -> Rule {
        Rule(trigger: trigger, conditions: conditions, watched: watched, reads: 2, effects: effects)
    }

    private static func port(_ command: Int) -> [Rule] {
        [
            follows(Bits(command, 1, 0), [Bits(command, 0x8000, 0)], watched: command),
            // FRE may be cleared once CR is.
            follows(
                Bits(command, 0x10, 0), [Bits(command, 0x4000, 0)], watched: command, if: [Bits(command, 0x8000, 0)]),
        ]
    }

    /// The debug registers of a DMA-330: an instruction is taken while they aren't busy, and they are then.
    private static func kill(_ instruction: UInt32, _ effect: Bits) -> Rule {
        Rule(
            trigger: Bits(0xD04, .max, 0),
            conditions: [Bits(0xD00, 1, 0), Bits(0xD08, .max, instruction), Bits(0xD0C, .max, 0)],
            effects: [effect])
    }

    private static func mac(_ compatible: String, _ dma: Int) -> RecipeCase {
        RecipeCase(
            compatible: compatible,
            // Two channels to receive, three to send.
            words: [(0x124, 1 << 12 | 2 << 18), (dma, 2)],
            rules: [follows(Bits(dma, 1, 1), [Bits(dma, .max, 0)], watched: dma)],
            expected: [
                (dma, 0), (dma + 0x104, filler & ~1), (dma + 0x184, filler & ~1), (dma + 0x204, filler & ~1),
                (dma + 0x108, filler & ~1), (dma + 0x188, filler & ~1), (dma + 0x208, filler),
            ])
    }

    static let all: [RecipeCase] = [
        RecipeCase(
            compatible: "generic-ahci",
            words: [(0x04, 2), (0x0C, 0b101), (0x118, 0xC011), (0x198, 0), (0x218, 0xC011)],
            rules: port(0x118) + port(0x218) + [
                // HR does nothing without AE.
                follows(Bits(0x04, 0x8000_0001, 0x8000_0001), [Bits(0x04, .max, 0)], watched: 0x04)
            ],
            expected: [(0x04, 0), (0x118, 0), (0x198, 0), (0x218, 0)]),
        RecipeCase(
            compatible: "generic-xhci", words: [(0x00, 0x0110_0040), (0x40, 5), (0x44, 1 << 11)],
            rules: [
                // Not ready at first, which takes two reads. What is written until then is lost.
                Rule(
                    trigger: Bits(0x40, 0, 1), watched: 0x44, reads: 2, effects: [Bits(0x44, 1 << 11, 0)], left: 2),
                follows(Bits(0x40, 1, 0), [Bits(0x44, 1, 1)], watched: 0x44, if: [Bits(0x44, 1 << 11, 0)]),
                follows(Bits(0x40, 2, 2), [Bits(0x40, .max, 0)], watched: 0x40, if: [Bits(0x44, 1, 1)]),
                Rule(
                    trigger: Bits(0x40, 2, 2), conditions: [Bits(0x44, 1, 1)], effects: [Bits(0x44, 1 << 11, 1 << 11)]),
                follows(Bits(0x40, 2, 2), [Bits(0x44, 1 << 11, 0)], watched: 0x44, if: [Bits(0x44, 1, 1)]),
            ], expected: [(0x40, 0), (0x44, 1)]),
        RecipeCase(
            compatible: "generic-ehci", words: [(0x00, 0x0100_0010), (0x10, 0x31), (0x14, 0)],
            rules: [
                follows(Bits(0x10, 1, 0), [Bits(0x14, 1 << 12, 1 << 12)], watched: 0x14),
                follows(
                    Bits(0x10, 2, 2), [Bits(0x10, .max, 0x8_0000)], watched: 0x10, if: [Bits(0x14, 1 << 12, 1 << 12)]),
            ], expected: [(0x10, 0x8_0000), (0x14, 1 << 12)]),
        RecipeCase(
            compatible: "arasan,sdhci-8.9a", words: [(0x2C, 0x000E_0007)],
            rules: [follows(Bits(0x2C, 1 << 24, 1 << 24), [Bits(0x2C, .max, 0)], watched: 0x2C)],
            expected: [(0x2C, 0)]),
        RecipeCase(
            compatible: "ns16550a", words: [(0x00, 0x83C1_0F41), (0x04, 0x5A00_600B)],
            rules: [Rule(trigger: Bits(0, 0xFF << 16, 7 << 16), effects: [Bits(mark, .max, 1)])],
            expected: [(0x00, 0x0000_0041), (0x04, 0x0000_6000 | 0x00), (mark, 1)], hasPoll: false),
        RecipeCase(
            compatible: "arm,pl011", words: [(0x18, 8), (0x30, 0xF01)],
            rules: [follows(Bits(0x30, 1, 0), [Bits(0x18, 8, 0)], watched: 0x18)],
            expected: [
                (0x38, 0), (0x48, 0), (0x18, 0), (0x24, 0), (0x28, 0), (0x2C, 0), (0x34, 0x12), (0x44, 0x7FF),
                (0x30, 0x300),
            ], hasPoll: false),
        RecipeCase(
            compatible: "arm,pl031", words: [], rules: [], expected: [(0x10, 0), (0x04, 0), (0x1C, 1), (0x00, filler)],
            hasPoll: false),
        RecipeCase(
            compatible: "arm,pl061", words: [], rules: [],
            expected: [
                (0x410, 0), (0x400, 0), (0x3FC, 0), (0x404, 0), (0x408, 0), (0x40C, 0), (0x41C, 0xFF), (0x420, filler),
            ], hasPoll: false),
        RecipeCase(
            compatible: "arm,pl330",
            words: [
                (0xE00, 1 << 4), (0xD00, 1), (0x00, 1), (0x100, 1), (0x108, 3), (0x110, 1),
            ],
            rules: [
                Rule(trigger: Bits(0xD00, 0, 1), watched: 0xD00, reads: 2, effects: [Bits(0xD00, 1, 0)], left: 2),
                kill(0x0001_0001, Bits(0x100, 0xF, 0)), kill(0x0001_0101, Bits(0x108, 0xF, 0)),
                kill(0x0001_0000, Bits(0x00, 0xF, 0)),
                Rule(trigger: Bits(0xD04, .max, 0), effects: [Bits(0xD00, 1, 1)]),
                follows(Bits(0xD04, .max, 0), [Bits(0xD00, 1, 0)], watched: 0xD00),
            ],
            expected: [(0x20, 0), (0x00, 0), (0x100, 0), (0x108, 0), (0x110, 1), (0x2C, .max)]),
        mac("snps,dwmac-4.10a", 0x1000), mac("snps,dwxgmac-2.10", 0x3000),
        RecipeCase(
            compatible: "cdns,gem", words: [(0x00, 0x1C), (0x14, 8)],
            rules: [
                follows(Bits(0x00, 8, 0), [Bits(0x14, 8, 0), Bits(mark, .max, 1)], watched: 0x14),
                Rule(trigger: Bits(0x00, 1 << 5, 1 << 5), effects: [Bits(0x100, .max, 0)]),
            ],
            expected: [
                (0x00, 0), (0x2C, 0x07FF_FEFF), (0x100, 0), (0x20, 0x0F), (0x14, 0xFF), (0x18, 0), (0x1C, 0), (mark, 1),
            ], hasPoll: false),
        RecipeCase(
            compatible: "snps,designware-i2c", words: [(0x6C, 1), (0x9C, 1)],
            rules: [
                follows(Bits(0x6C, 2, 2), [Bits(0x6C, 2, 0), Bits(mark, .max, 1)], watched: 0x6C),
                follows(Bits(0x6C, 1, 0), [Bits(0x9C, 1, 0)], watched: 0x9C),
            ], expected: [(0x30, 0), (0x88, 0), (0x6C, 0), (0x9C, 0), (mark, 1)]),
        RecipeCase(
            compatible: "snps,dw-apb-ssi", words: [], rules: [],
            expected: [(0x08, 0), (0x10, 0), (0x2C, 0), (0x4C, 0)], hasPoll: false),
        RecipeCase(
            compatible: "arm,sp805", words: [], rules: [],
            expected: [(0xC00, 0x1ACC_E551), (0x08, 0), (0x0C, 1), (0x00, .max)], hasPoll: false),
    ]

    /// The region with the part in it.
    /// - Parameter works: whether it does its share.
    func region(works: Bool = true) -> FakeVFIODevice.Region {
        var region = FakeVFIODevice.Region(size: Self.size)
        region.bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: Self.filler), count: Int(Self.size))
        for (offset, value) in words { RegisterModel.set(Bits(offset, .max, value), in: &region.bytes) }
        region.model = RegisterModel(works ? rules : [])
        return region
    }
}

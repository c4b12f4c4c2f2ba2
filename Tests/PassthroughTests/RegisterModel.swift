// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes

/// Registers of 32 bits, little-endian, of which some change others after a while: a model of as much of a part as
/// its reset touches. The time is the number of reads of a register.
struct RegisterModel: FakeRegisters, Equatable {
    /// Bits of a register.
    struct Bits: Equatable, Sendable {
        var offset: Int
        var mask: UInt32
        var value: UInt32

        init(_ offset: Int, _ mask: UInt32, _ value: UInt32) {
            self.offset = offset
            self.mask = mask
            self.value = value
        }
    }

    /// Once a write has made the bits of `trigger` what it says, with `conditions` met, the bits of `effects` follow
    /// after so many reads of `watched`.
    struct Rule: Equatable, Sendable {
        var trigger: Bits
        var conditions: [Bits] = []
        var watched = 0
        var reads = 0
        var effects: [Bits]
        /// How many reads are left; nil where it isn't triggered.
        var left: Int?
    }

    var rules: [Rule] = []
    /// The offsets that were read.
    private(set) var readOffsets: Set<Int> = []

    init(_ rules: [Rule]) { self.rules = rules }

    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes[(offset & ~3)..<((offset & ~3) + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func set(_ bits: Bits, in bytes: inout [UInt8]) {
        let word = word(bytes, bits.offset) & ~bits.mask | bits.value & bits.mask
        for byte in 0..<4 { bytes[(bits.offset & ~3) + byte] = UInt8(truncatingIfNeeded: word >> UInt32(8 * byte)) }
    }

    private static func holds(_ bits: Bits, _ bytes: [UInt8]) -> Bool {
        word(bytes, bits.offset) & bits.mask == bits.value
    }

    mutating func reading(_ bytes: inout [UInt8], at offset: Int) {
        readOffsets.insert(offset)
        for index in rules.indices where rules[index].watched == offset & ~3 {
            guard let left = rules[index].left else { continue }
            if left > 1 {
                rules[index].left = left - 1
            } else {
                rules[index].left = nil
                for effect in rules[index].effects { Self.set(effect, in: &bytes) }
            }
        }
    }

    mutating func written(_ bytes: inout [UInt8], at offset: Int) {
        // What the part looked like when it was written: no rule sees what another has just done.
        let met = rules.indices.filter { index in
            let rule = rules[index]
            return rule.trigger.offset == offset & ~3 && Self.holds(rule.trigger, bytes)
                && rule.conditions.allSatisfy { Self.holds($0, bytes) }
        }
        for index in met {
            let rule = rules[index]
            if rule.reads == 0 {
                for effect in rule.effects { Self.set(effect, in: &bytes) }
            } else {
                rules[index].left = rule.reads
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PlatformBus
import Synchronization
import Testing

@testable import Devices

/// The registers of the board's reset controller, as Linux's reset-simple uses them.
@Suite struct ResetControllerTests {
    private final class Assertions: Sendable {
        let lines = Mutex<[Int]>([])
        func line(_ number: Int) -> @Sendable () -> Void { { self.lines.withLock { $0.append(number) } } }
        var all: [Int] { lines.withLock { $0 } }
    }

    private let assertions = Assertions()
    private let registers: ResetRegisters

    init() {
        // The last one does nothing.
        registers = ResetRegisters(actions: (0..<39).map(assertions.line) + [nil])
    }

    /// What the driver does: reads the word, changes the bit and writes it back.
    private func set(_ line: UInt64, asserted: Bool) {
        let offset = line / 32 * 4
        let word = registers.read(offset: offset, width: .word)
        let bit = UInt64(1) << (line % 32)
        registers.write(offset: offset, width: .word, value: asserted ? word & ~bit : word | bit)
    }

    private func isAsserted(_ line: UInt64) -> Bool {
        registers.read(offset: line / 32 * 4, width: .word) >> (line % 32) & 1 == 0
    }

    @Test func `lines are deasserted at first`() {
        for line: UInt64 in 0..<40 { #expect(!isAsserted(line)) }
        set(3, asserted: false)
        #expect(assertions.all == [])
    }

    @Test func `an assertion is done once, and what it does is over when the write returns`() {
        set(3, asserted: true)
        #expect(isAsserted(3) && !isAsserted(2) && !isAsserted(4))
        #expect(assertions.all == [3])
        set(3, asserted: true)
        #expect(assertions.all == [3])
        set(3, asserted: false)
        #expect(!isAsserted(3))
        set(3, asserted: true)
        #expect(assertions.all == [3, 3])
    }

    @Test func `lines of other words and of one write`() {
        set(38, asserted: true)
        set(39, asserted: true)
        #expect(isAsserted(38) && isAsserted(39))
        registers.write(offset: 0, width: .word, value: 0xFFFF_FF0F)
        #expect(assertions.all == [38, 4, 5, 6, 7])
    }

    /// A guest may write anything anywhere.
    @Test func `what isn't a whole register of the block does nothing`() {
        for width in [AccessWidth.byte, .halfword, .doubleword] { registers.write(offset: 0, width: width, value: 0) }
        for offset: UInt64 in [1, 2, 3, 5] { registers.write(offset: offset, width: .word, value: 0) }
        for offset: UInt64 in [8, 0xFFC, 0x1000, .max - 3, .max] {
            registers.write(offset: offset, width: .word, value: 0)
            #expect(registers.read(offset: offset, width: .word) == 0)
        }
        #expect(assertions.all == [])
        // Bits without a line are kept, and do nothing.
        registers.write(offset: 4, width: .word, value: 0x0000_00FF)
        #expect(registers.read(offset: 4, width: .word) == 0xFF)
        #expect(
            registers.read(offset: 5, width: .byte) == 0 && registers.read(offset: 0, width: .doubleword) == 0xFFFF_FFFF
        )
        #expect(assertions.all == [])
    }

    @Test func `more lines than a page has bits are left out`() {
        let registers = ResetRegisters(actions: (0..<40000).map(assertions.line))
        registers.write(offset: 0xFFC, width: .word, value: 0x7FFF_FFFF)
        #expect(assertions.all == [32767])
        #expect(registers.read(offset: 0x1000, width: .word) == 0)
    }
}

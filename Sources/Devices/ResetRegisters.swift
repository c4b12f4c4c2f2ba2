// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus
internal import Synchronization

/// The registers of a reset controller: one bit for each line, in words of 32 bits; 0 while the line is asserted.
///
/// Linux's driver reads a word, changes a bit and writes it back, under a spin lock with interrupts off, so each write
/// must be fast.
/// - SeeAlso: Devicetree binding reset/snps,dw-reset.txt; Linux, drivers/reset/reset-simple.c
public final class ResetRegisters: MMIODevice {
    /// The size of the register block in bytes.
    public static let byteCount: UInt64 = 0x1000

    /// The function that a line's assertion calls on the vCPU's thread; nil for a line without effect.
    private let actions: [(@Sendable () -> Void)?]
    /// Guarded by the lock, which isn't held while a line's action runs. At first all lines are deasserted.
    private let words: Mutex<[UInt32]>

    /// - Parameter actions: the function that an assertion of each line calls, by the line's number; it returns when
    ///   the reset is done.
    public init(actions: [(@Sendable () -> Void)?]) {
        self.actions = Array(actions.prefix(Int(Self.byteCount) * 8))
        words = Mutex([UInt32](repeating: .max, count: (self.actions.count + 31) / 32))
    }

    /// A guest's load: any part of a register, of any width.
    ///
    /// In a doubleword the bits above the register are zero, as are the words behind that of the last line.
    public func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        let index = Int(clamping: offset / 4)
        let word = words.withLock { words in words.indices.contains(index) ? words[index] : 0 }
        return UInt64(word) >> (offset % 4 * 8)
    }

    /// A guest's store: a whole aligned register.
    ///
    /// Other stores are ignored.
    public func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        guard width == .word, offset % 4 == 0 else { return }
        let index = Int(clamping: offset / 4)
        let value = UInt32(truncatingIfNeeded: value)
        let falling: UInt32 = words.withLock { words in
            guard words.indices.contains(index) else { return 0 }
            let falling = words[index] & ~value
            words[index] = value
            return falling
        }
        for bit in 0..<32 where falling >> UInt32(bit) & 1 == 1 && index * 32 + bit < actions.count {
            actions[index * 32 + bit]?()
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus
import Synchronization

/// A GPIO block of eight lines: Arm's PrimeCell PL061.
///
/// `setInput` drives a line from outside; the guest's outputs aren't connected.
///
/// Source: Arm DDI 0190 (PrimeCell General Purpose Input/Output PL061), chapters 2 and 3.
public final class PL061: MMIODevice {
    /// The size of the register block in bytes.
    public static let byteCount: UInt64 = 0x1000

    /// Offsets in bytes (DDI 0190, table 3-1). Every offset below 0x400 is the data register, masked by address bits
    /// 9:2.
    private enum Register: UInt64 {
        case direction = 0x400
        case interruptSense = 0x404
        case interruptBothEdges = 0x408
        case interruptEvent = 0x40c
        case interruptMask = 0x410
        case rawInterruptStatus = 0x414
        case maskedInterruptStatus = 0x418
        case interruptClear = 0x41c
        case modeControlSelect = 0x420
    }

    private struct State {
        /// The levels that are driven from outside, one bit for each line.
        var inputs: UInt8 = 0
        /// The levels that the guest drives, where `direction` has a 1.
        var outputs: UInt8 = 0
        var direction: UInt8 = 0
        /// 1: level, 0: edge.
        var sense: UInt8 = 0
        var bothEdges: UInt8 = 0
        /// 1: rising edge or high level, 0: falling edge or low level.
        var event: UInt8 = 0
        var mask: UInt8 = 0
        /// Edges that were detected and not cleared.
        var edges: UInt8 = 0
        var modeControl: UInt8 = 0
        /// The level that the interrupt line was last driven to.
        var lineIsHigh = false

        var levels: UInt8 { inputs & ~direction | outputs & direction }
        /// Section 3.3.7: an edge stays until it is cleared; a level follows its line.
        var raw: UInt8 { edges & ~sense | ~(levels ^ event) & sense }
    }

    // Owned by this device. The line is driven with the lock held, so that it gets changes in the right order; it must
    // not call back.
    private let state = Mutex(State())
    private let line: any InterruptLine

    /// A block in its reset state: all lines are inputs, all interrupts are masked.
    /// - Parameter line: level-triggered, high while an interrupt is raised and not masked.
    public init(line: any InterruptLine) { self.line = line }

    /// Drives line `number` (0 to 7) from outside.
    public func setInput(_ number: Int, high: Bool) {
        let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: number & 7)
        change { state in
            if high { state.inputs |= bit } else { state.inputs &= ~bit }
        }
    }

    /// A guest's load: any part of a register, of any width.
    ///
    /// In a doubleword the bits above the register are zero.
    public func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        UInt64(readRegister(offset & ~3)) >> ((offset & 3) * 8)
    }

    /// A guest's store to an aligned register.
    ///
    /// The registers have eight bits, so a byte is enough.
    public func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        guard offset & 3 == 0 else { return }
        let value = UInt8(truncatingIfNeeded: value)
        if offset < 0x400 {
            let mask = UInt8(truncatingIfNeeded: offset >> 2)
            // Section 3.3.1: only lines that are outputs and whose address bit is 1 change.
            return change { state in state.outputs = state.outputs & ~mask | value & mask & state.direction }
        }
        guard let register = Register(rawValue: offset) else { return }
        change { state in
            switch register {
            case .direction: state.direction = value
            case .interruptSense: state.sense = value
            case .interruptBothEdges: state.bothEdges = value
            case .interruptEvent: state.event = value
            case .interruptMask: state.mask = value
            case .interruptClear: state.edges &= ~value
            case .modeControlSelect: state.modeControl = value
            case .rawInterruptStatus, .maskedInterruptStatus: break  // Read only.
            }
        }
    }

    /// Makes a change, records the edges that it causes, and drives the interrupt line.
    private func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            let before = state.levels
            body(&state)
            let changed = (before ^ state.levels) & ~state.direction
            let rising = changed & state.levels
            let wanted = state.bothEdges | (state.event & rising) | ~(state.event | rising)
            state.edges |= changed & ~state.sense & wanted
            let level = state.raw & state.mask != 0
            guard level != state.lineIsHigh else { return }
            state.lineIsHigh = level
            line.setLevel(level)
        }
    }

    private func readRegister(_ offset: UInt64) -> UInt8 {
        state.withLock { state in
            if offset < 0x400 { return state.levels & UInt8(truncatingIfNeeded: offset >> 2) }
            guard let register = Register(rawValue: offset) else { return Self.identification(offset) }
            return switch register {
            case .direction: state.direction
            case .interruptSense: state.sense
            case .interruptBothEdges: state.bothEdges
            case .interruptEvent: state.event
            case .interruptMask: state.mask
            case .rawInterruptStatus: state.raw
            case .maskedInterruptStatus: state.raw & state.mask
            case .interruptClear: 0
            case .modeControlSelect: state.modeControl
            }
        }
    }

    /// PeriphID0-3 and PCellID0-3 (sections 3.3.12 and 3.3.13): part 0x061, designer 0x41 (Arm), revision 0.
    private static func identification(_ offset: UInt64) -> UInt8 {
        switch offset {
        case 0xfe0: 0x61
        case 0xfe4: 0x10
        case 0xfe8: 0x04
        case 0xfec: 0x00
        case 0xff0: 0x0d
        case 0xff4: 0xf0
        case 0xff8: 0x05
        case 0xffc: 0xb1
        default: 0
        }
    }
}

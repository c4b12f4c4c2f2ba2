// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus
import Synchronization

/// Where a serial port's bytes go.
public protocol SerialOutput: Sendable {
    /// Takes a byte. It is called on vCPU threads, by a device that holds no lock; it may wait, but not forever.
    func transmit(_ byte: UInt8)
}

/// A serial port: National Semiconductor's 16550A, a register to each byte (`reg-shift` 0, `reg-io-width` 1).
///
/// The line speed, the character format and breaks are stored and have no effect. The transmitter is always empty.
/// Received bytes interrupt at once, at the trigger level as received data and below it as a character time-out.
///
/// Source: PC16550D datasheet (National Semiconductor, June 1995), section 8; Devicetree binding serial/8250.yaml.
public final class NS16550A: MMIODevice {
    /// The size of the register block in bytes.
    public static let byteCount: UInt64 = 8

    /// The rate of the reference clock in Hz that a device tree gives (`clock-frequency`): the PC's, 16 x 115200.
    public static let clockFrequency: UInt32 = 1_843_200

    private struct State {
        var registers = NS16550ARegisters()
        /// The level that the line was last driven to.
        var lineIsHigh = false
        /// `receive` has refused a byte, and `inputReady` is owed.
        var inputWaits = false
    }

    // Owned by this device. The line is driven with the lock held, because two threads that drove it after giving the
    // lock up could do so in the wrong order, and the guest would wait for an interrupt forever; the line therefore
    // must not call back. `output` and `inputReady` are called without the lock: a slow terminal stops only the vCPU
    // that writes.
    private let state = Mutex(State())
    private let line: any InterruptLine
    private let output: any SerialOutput
    private let inputReady: @Sendable () -> Void

    /// A serial port just out of reset.
    ///
    /// - Parameters:
    ///   - line: level-triggered, high while an interrupt is pending. It must not call back into this device.
    ///   - output: takes what the guest sends.
    ///   - inputReady: called once after `receive` has taken less than it was given, when the guest has read all of
    ///     that. It runs on a vCPU thread and should do no more than wake the thread that feeds `receive`.
    public init(
        line: any InterruptLine, output: any SerialOutput, inputReady: @escaping @Sendable () -> Void = {}
    ) {
        self.line = line
        self.output = output
        self.inputReady = inputReady
    }

    /// Feeds bytes from outside to the receiver.
    ///
    /// - Returns: how many it took, from the first on. The others have to wait: `inputReady` says when to offer them
    ///   again.
    public func receive(_ bytes: some Collection<UInt8>) -> Int {
        state.withLock { state in
            let accepted = bytes.prefix(state.registers.room)
            for byte in accepted { state.registers.receive(byte) }
            let count = accepted.count
            if count < bytes.count { state.inputWaits = true }
            driveLine(&state)
            return count
        }
    }

    /// A guest's load. An access of any width reaches the one register at `offset`; the wider ones read zeros above it.
    public func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        let (value, roomAgain) = state.withLock { state in
            let value = state.registers.read(offset)
            driveLine(&state)
            return (value, takeRoomAgain(&state))
        }
        if roomAgain { inputReady() }
        return UInt64(value)
    }

    /// A guest's store. An access of any width reaches the one register at `offset`, with its lowest byte.
    public func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        let (leaving, roomAgain) = state.withLock { state in
            let leaving = state.registers.write(offset, UInt8(truncatingIfNeeded: value))
            // While the byte is on its way the line stays as it is: it would only fall to rise again.
            if leaving == nil { driveLine(&state) }
            return (leaving, takeRoomAgain(&state))
        }
        if let leaving {
            output.transmit(leaving)
            state.withLock { state in
                state.registers.transmitted()
                driveLine(&state)
            }
        }
        if roomAgain { inputReady() }
    }

    private func driveLine(_ state: inout State) {
        let level = state.registers.interruptPending
        guard level != state.lineIsHigh else { return }
        state.lineIsHigh = level
        line.setLevel(level)
    }

    /// Whether `inputReady` is to be called now: the bytes that filled the receiver are gone, and it is open to the
    /// outside.
    private func takeRoomAgain(_ state: inout State) -> Bool {
        guard state.inputWaits, state.registers.isDrained, state.registers.room > 0 else { return false }
        state.inputWaits = false
        return true
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus
import Synchronization

/// The receiver of the bytes that a serial port sends.
public protocol SerialOutput: Sendable {
    /// Takes a byte. The device calls it on vCPU threads without a lock held. It may wait, but only for a limited time.
    func transmit(_ byte: UInt8)
}

/// A serial port: National Semiconductor's 16550A, with one byte for each register (`reg-shift` 0, `reg-io-width` 1).
///
/// Line speed, character format and breaks are stored, but have no effect. The transmitter is always empty. Received
/// bytes raise an interrupt at once: as received data from the trigger level on, and as a character time-out below it.
///
/// Source: PC16550D datasheet (National Semiconductor, June 1995), section 8; Devicetree binding serial/8250.yaml.
public final class NS16550A: MMIODevice {
    /// The size of the register block in bytes.
    public static let byteCount: UInt64 = 8

    /// The rate of the reference clock in Hz for the device tree (`clock-frequency`): the PC's, 16 x 115200.
    public static let clockFrequency: UInt32 = 1_843_200

    private struct State {
        var registers = NS16550ARegisters()
        /// The level that the line was last driven to.
        var lineIsHigh = false
        /// `receive` has refused a byte, so `inputReady` must be called later.
        var inputWaits = false
    }

    // Owned by this device. The line is driven with the lock held: two threads that drove it after releasing the lock
    // could do so in the wrong order, and the guest would wait for an interrupt forever. So the line must not call
    // back. `output` and `inputReady` are called without the lock: a slow terminal stops only the vCPU that writes.
    private let state = Mutex(State())
    private let line: any InterruptLine
    private let output: any SerialOutput
    private let inputReady: @Sendable () -> Void

    /// A serial port in its reset state.
    ///
    /// - Parameters:
    ///   - line: level-triggered, high while an interrupt is pending. It must not call back into this device.
    ///   - output: takes the bytes that the guest sends.
    ///   - inputReady: called once after `receive` has taken only some of its bytes, when the guest has read all of
    ///     these. It runs on a vCPU thread, and should only wake the thread that calls `receive`.
    public init(
        line: any InterruptLine, output: any SerialOutput, inputReady: @escaping @Sendable () -> Void = {}
    ) {
        self.line = line
        self.output = output
        self.inputReady = inputReady
    }

    /// Passes bytes from outside to the receiver.
    ///
    /// - Returns: how many it took, from the first on. Offer the others again after `inputReady` was called.
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

    /// A guest's load.
    ///
    /// An access of any width reads only the register at `offset`; the higher bytes are zero.
    public func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        let (value, roomAgain) = state.withLock { state in
            let value = state.registers.read(offset)
            driveLine(&state)
            return (value, takeRoomAgain(&state))
        }
        if roomAgain { inputReady() }
        return UInt64(value)
    }

    /// A guest's store.
    ///
    /// An access of any width writes its lowest byte to the register at `offset`, and nothing else.
    public func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        let (leaving, roomAgain) = state.withLock { state in
            let leaving = state.registers.write(offset, UInt8(truncatingIfNeeded: value))
            // While the byte is being sent the line doesn't change: it would fall and rise again at once.
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

    /// Whether `inputReady` must be called now: the guest has read the bytes that filled the receiver, and loopback is
    /// off.
    private func takeRoomAgain(_ state: inout State) -> Bool {
        guard state.inputWaits, state.registers.isDrained, state.registers.room > 0 else { return false }
        state.inputWaits = false
        return true
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The registers of a 16550A UART, without locks and callbacks: the effects of each read and write on the others.
///
/// Sections in comments are those of the data sheet of National Semiconductor's PC16550D (June 1995).
struct NS16550ARegisters {
    // MARK: Bits

    /// Section 8.6.
    struct InterruptEnable: OptionSet {
        let rawValue: UInt8
        static let receivedData = Self(rawValue: 0x01)
        static let transmitterEmpty = Self(rawValue: 0x02)
        static let lineStatus = Self(rawValue: 0x04)
        static let modemStatus = Self(rawValue: 0x08)
    }

    /// Section 8.5, table IV: the identification of each source, in the order of priority.
    enum Interrupt: UInt8 {
        case lineStatus = 0x06
        case receivedData = 0x04
        case characterTimeout = 0x0c
        case transmitterEmpty = 0x02
        case modemStatus = 0x00
    }

    /// Section 8.3.
    struct LineStatus: OptionSet {
        let rawValue: UInt8
        static let dataReady = Self(rawValue: 0x01)
        static let overrun = Self(rawValue: 0x02)
        static let holdingRegisterEmpty = Self(rawValue: 0x20)
        static let transmitterEmpty = Self(rawValue: 0x40)
    }

    /// Section 8.7.
    struct ModemControl: OptionSet {
        let rawValue: UInt8
        static let dataTerminalReady = Self(rawValue: 0x01)
        static let requestToSend = Self(rawValue: 0x02)
        static let out1 = Self(rawValue: 0x04)
        static let out2 = Self(rawValue: 0x08)
        static let loop = Self(rawValue: 0x10)
        static let implemented = Self(rawValue: 0x1f)
    }

    /// Section 8.8. The lower half shows what has changed since the last read.
    struct ModemStatus: OptionSet {
        let rawValue: UInt8
        static let ringTrailingEdge = Self(rawValue: 0x04)
        static let clearToSend = Self(rawValue: 0x10)
        static let dataSetReady = Self(rawValue: 0x20)
        static let ring = Self(rawValue: 0x40)
        static let carrierDetect = Self(rawValue: 0x80)
        /// The inputs from a terminal, which is always connected and ready.
        static let connected: Self = [.clearToSend, .dataSetReady, .carrierDetect]
    }

    private static let divisorLatchAccess: UInt8 = 0x80
    static let fifoSize = 16

    // MARK: State

    private var interruptEnable: InterruptEnable = []
    private var lineControl: UInt8 = 0
    private var modemControl: ModemControl = []
    private var modemStatus: ModemStatus = .connected
    private var scratch: UInt8 = 0
    private var divisor: UInt16 = 0
    private var overrun = false
    /// Section 8.6: set when the holding register empties, cleared by reading it from the IIR or by the next byte.
    private var transmitterEmptied = false
    private var fifoEnabled = false
    /// The number of bytes that raise the received-data interrupt (section 8.4, bits 6 and 7).
    private var receiveTrigger = 1
    private var received = ReceiveQueue()

    // MARK: For the device

    /// Whether the INTR pin is high.
    var interruptPending: Bool { interrupt != nil }

    /// How many bytes can come from outside without an overrun. None in loopback mode, which disconnects the receiver
    /// from the outside (section 8.7, bit 4).
    var room: Int { isLoopback ? 0 : capacity - received.count }

    /// Whether all received bytes were read.
    var isDrained: Bool { received.count == 0 }

    /// Receives a byte; the caller has checked that there is `room`.
    mutating func receive(_ byte: UInt8) {
        received.append(byte)
    }

    /// Call it when the byte that `write` returned was sent: the holding register is empty again.
    mutating func transmitted() {
        transmitterEmptied = true
    }

    /// The result of a read of the register at `offset`; for most registers it has side effects.
    mutating func read(_ offset: UInt64) -> UInt8 {
        switch offset {
        case 0 where showsDivisor: UInt8(truncatingIfNeeded: divisor)
        case 0: received.removeFirst() ?? 0
        case 1 where showsDivisor: UInt8(truncatingIfNeeded: divisor >> 8)
        case 1: interruptEnable.rawValue
        case 2: readInterruptIdentification()
        case 3: lineControl
        case 4: modemControl.rawValue
        case 5: readLineStatus()
        case 6: readModemStatus()
        case 7: scratch
        default: 0
        }
    }

    /// Writes the register at `offset`.
    ///
    /// - Returns: the byte that leaves the transmitter, if there is one: call `transmitted` after it was sent.
    mutating func write(_ offset: UInt64, _ value: UInt8) -> UInt8? {
        switch offset {
        case 0 where showsDivisor: divisor = divisor & 0xff00 | UInt16(value)
        case 0: return writeHoldingRegister(value)
        case 1 where showsDivisor: divisor = divisor & 0x00ff | UInt16(value) << 8
        case 1: writeInterruptEnable(InterruptEnable(rawValue: value & 0x0f))
        case 2: writeFIFOControl(value)
        case 3: lineControl = value
        case 4: writeModemControl(ModemControl(rawValue: value).intersection(.implemented))
        case 7: scratch = value
        default: break  // LSR and MSR: "intended for read operations only" (8.3), "not recommended" (8.8)
        }
        return nil
    }

    // MARK: Details

    private var showsDivisor: Bool { lineControl & Self.divisorLatchAccess != 0 }
    private var isLoopback: Bool { modemControl.contains(.loop) }
    private var capacity: Int { fifoEnabled ? Self.fifoSize : 1 }

    /// The source in the IIR: the pending one with the highest priority (section 8.5).
    private var interrupt: Interrupt? {
        if interruptEnable.contains(.lineStatus), overrun { return .lineStatus }
        if interruptEnable.contains(.receivedData), received.count > 0 {
            if !fifoEnabled || received.count >= receiveTrigger { return .receivedData }
            // Section 8.10: bytes below the trigger level raise an interrupt after four character times. Input from a
            // terminal has no timing of its own, so the time counts as passed at once: no timer, and no delay for the
            // user.
            return .characterTimeout
        }
        if interruptEnable.contains(.transmitterEmpty), transmitterEmptied { return .transmitterEmpty }
        if interruptEnable.contains(.modemStatus), modemStatus.rawValue & 0x0f != 0 { return .modemStatus }
        return nil
    }

    private mutating func readInterruptIdentification() -> UInt8 {
        let source = interrupt
        // Section 8.5: reading the IIR clears this interrupt, but only if it is the one that was read.
        if source == .transmitterEmpty { transmitterEmptied = false }
        return (source?.rawValue ?? 0x01) | (fifoEnabled ? 0xc0 : 0)
    }

    private mutating func readLineStatus() -> UInt8 {
        // The transmitter is always empty: the output has its own buffer, and when that is full it waits or drops
        // bytes.
        var status: LineStatus = [.holdingRegisterEmpty, .transmitterEmpty]
        if received.count > 0 { status.insert(.dataReady) }
        if overrun { status.insert(.overrun) }
        overrun = false
        return status.rawValue
    }

    private mutating func readModemStatus() -> UInt8 {
        let status = modemStatus
        modemStatus = ModemStatus(rawValue: status.rawValue & 0xf0)
        return status.rawValue
    }

    private mutating func writeHoldingRegister(_ value: UInt8) -> UInt8? {
        transmitterEmptied = false
        guard isLoopback else { return value }
        loopBack(value)
        transmitterEmptied = true
        return nil
    }

    /// Section 8.7, bit 4: "data that is transmitted is immediately received". An overrun is possible only here,
    /// because `receive` is not called without room.
    private mutating func loopBack(_ value: UInt8) {
        if received.count < capacity {
            received.append(value)
            return
        }
        overrun = true
        // Section 8.3, bit 1: without the FIFO the unread byte is destroyed; with it the new one is.
        if !fifoEnabled { received.replaceLast(value) }
    }

    private mutating func writeInterruptEnable(_ new: InterruptEnable) {
        // Internally the interrupt condition is a level: enabling it while the transmitter is empty raises it at once.
        // Drivers start transmission this way, and Linux tests for it (8250_port.c, "BUG_TXEN" and "BUG_THRE").
        if new.contains(.transmitterEmpty), !interruptEnable.contains(.transmitterEmpty) { transmitterEmptied = true }
        interruptEnable = new
    }

    private mutating func writeFIFOControl(_ value: UInt8) {
        let enable = value & 0x01 != 0
        // Section 8.4, bit 0: changing the mode clears the FIFOs, and the other bits have an effect only while it is
        // set.
        if enable != fifoEnabled {
            fifoEnabled = enable
            received.removeAll()
            receiveTrigger = 1
        }
        guard enable else { return }
        if value & 0x02 != 0 { received.removeAll() }
        receiveTrigger = [1, 4, 8, 14][Int(value >> 6)]
    }

    private mutating func writeModemControl(_ new: ModemControl) {
        modemControl = new
        var inputs: ModemStatus = .connected
        if new.contains(.loop) {
            // Section 8.7: the four outputs are connected to the four inputs.
            inputs = []
            if new.contains(.requestToSend) { inputs.insert(.clearToSend) }
            if new.contains(.dataTerminalReady) { inputs.insert(.dataSetReady) }
            if new.contains(.out1) { inputs.insert(.ring) }
            if new.contains(.out2) { inputs.insert(.carrierDetect) }
        }
        let before = modemStatus
        let changed = before.symmetricDifference(inputs).rawValue & 0xf0
        // Section 8.8: bits 0, 1 and 3 note any change of CTS, DSR and DCD, bit 2 only the end of ring.
        var notes = before.rawValue & 0x0f | (changed & ~ModemStatus.ring.rawValue) >> 4
        if before.contains(.ring), !inputs.contains(.ring) { notes |= ModemStatus.ringTrailingEdge.rawValue }
        modemStatus = ModemStatus(rawValue: inputs.rawValue | notes)
    }
}

/// The bytes that were received and not yet read: a ring of the FIFO's size, allocated once.
private struct ReceiveQueue {
    private var bytes = [UInt8](repeating: 0, count: NS16550ARegisters.fifoSize)
    private var head = 0
    private(set) var count = 0

    /// Adds a byte if there is room for it.
    mutating func append(_ byte: UInt8) {
        guard count < bytes.count else { return }
        bytes[(head + count) % bytes.count] = byte
        count += 1
    }

    mutating func removeFirst() -> UInt8? {
        guard count > 0 else { return nil }
        let byte = bytes[head]
        head = (head + 1) % bytes.count
        count -= 1
        return byte
    }

    mutating func replaceLast(_ byte: UInt8) {
        guard count > 0 else { return }
        bytes[(head + count - 1) % bytes.count] = byte
    }

    mutating func removeAll() {
        count = 0
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Devices
import PlatformBus
import Synchronization
import Testing

/// The registers and bits by the names that the datasheet and Linux (include/uapi/linux/serial_reg.h) give them.
private enum UART {
    static let rbr: UInt64 = 0
    static let thr: UInt64 = 0
    static let dll: UInt64 = 0
    static let ier: UInt64 = 1
    static let dlm: UInt64 = 1
    static let iir: UInt64 = 2
    static let fcr: UInt64 = 2
    static let lcr: UInt64 = 3
    static let mcr: UInt64 = 4
    static let lsr: UInt64 = 5
    static let msr: UInt64 = 6
    static let scr: UInt64 = 7

    static let rdi: UInt64 = 0x01
    static let thri: UInt64 = 0x02
    static let rlsi: UInt64 = 0x04
    static let msi: UInt64 = 0x08

    static let noInterrupt: UInt64 = 0x01
    static let loop: UInt64 = 0x10
}

@Suite struct NS16550ATests {
    let line = RecordingLine()
    let output = RecordingOutput()
    let room = Counter()
    let uart: NS16550A

    init() {
        let room = room
        uart = NS16550A(line: line, output: output, inputReady: { room.increment() })
    }

    func get(_ register: UInt64) -> UInt64 { uart.read(offset: register, width: .byte) }
    func set(_ register: UInt64, _ value: UInt64) { uart.write(offset: register, width: .byte, value: value) }

    /// Reads as a driver does: while the line status says that there is data.
    func drain() -> [UInt8] {
        var bytes: [UInt8] = []
        while get(UART.lsr) & 1 != 0 { bytes.append(UInt8(get(UART.rbr))) }
        return bytes
    }

    // MARK: Registers

    @Test func `reset values`() {
        #expect(get(UART.ier) == 0)
        #expect(get(UART.iir) == 0x01)
        #expect(get(UART.lcr) == 0)
        #expect(get(UART.mcr) == 0)
        #expect(get(UART.lsr) == 0x60)
        #expect(get(UART.msr) == 0xb0)
        #expect(get(UART.rbr) == 0)
        #expect(line.levels.isEmpty)
    }

    @Test func `scratch keeps any byte`() {
        for value: UInt64 in [0xaa, 0x55, 0xff, 0] {
            set(UART.scr, value)
            #expect(get(UART.scr) == value)
        }
    }

    @Test func `the divisor latch hides data and interrupt enable`() {
        set(UART.ier, UART.rdi)
        set(UART.lcr, 0x83)
        set(UART.dll, 0x01)
        set(UART.dlm, 0x02)
        #expect(get(UART.dll) == 0x01)
        #expect(get(UART.dlm) == 0x02)
        set(UART.lcr, 0x03)
        #expect(get(UART.lcr) == 0x03)
        #expect(get(UART.ier) == UART.rdi)
        #expect(output.bytes.isEmpty)
    }

    @Test func `unimplemented bits read as zero`() {
        set(UART.ier, 0xff)
        set(UART.mcr, 0xff)
        #expect(get(UART.ier) == 0x0f)
        #expect(get(UART.mcr) == 0x1f)
    }

    @Test func `status registers can't be written`() {
        set(UART.lsr, 0xff)
        set(UART.msr, 0xff)
        #expect(get(UART.lsr) == 0x60)
        #expect(get(UART.msr) == 0xb0)
    }

    @Test(arguments: [AccessWidth.halfword, .word, .doubleword])
    func `a wide access reaches one register`(width: AccessWidth) {
        uart.write(offset: UART.scr, width: width, value: 0x1234_5678)
        #expect(uart.read(offset: UART.scr, width: width) == 0x78)
        uart.write(offset: UART.thr, width: width, value: 0x0f41)
        #expect(output.text == "A")
        #expect(get(UART.ier) == 0)
    }

    @Test(arguments: [8, 0xfff, UInt64.max])
    func `beyond the registers is nothing`(offset: UInt64) {
        uart.write(offset: offset, width: .byte, value: 0xff)
        #expect(uart.read(offset: offset, width: .byte) == 0)
    }

    // MARK: As Linux drives it

    @Test func `Linux autoconfig finds a 16550A`() {
        // drivers/tty/serial/8250/8250_port.c, autoconfig().
        set(UART.ier, 0)
        #expect(get(UART.ier) & 0x0f == 0)
        set(UART.ier, 0x0f)
        #expect(get(UART.ier) & 0x0f == 0x0f)
        set(UART.ier, 0)
        set(UART.mcr, UART.loop | 0x0a)
        #expect(get(UART.msr) & 0xf0 == 0x90)
        set(UART.mcr, 0)
        set(UART.lcr, 0xbf)
        set(UART.fcr, 0)
        set(UART.lcr, 0)
        set(UART.fcr, 0x01)
        #expect(get(UART.iir) >> 6 == 3)
        // autoconfig_16550a(): neither an EFR nor a second bank, no 64-byte FIFO, no UART-enable bit.
        set(UART.lcr, 0x80)
        #expect(get(UART.fcr) != 0)
        set(UART.lcr, 0xbf)
        #expect(get(UART.fcr) != 0)
        set(UART.lcr, 0)
        set(UART.mcr, UART.loop)
        set(UART.lcr, 0xe0)
        #expect(get(UART.iir) & UART.loop == 0)
        set(UART.lcr, 0)
        set(UART.mcr, 0)
        set(UART.fcr, 0x21)
        #expect(get(UART.iir) >> 5 == 6)
        set(UART.ier, 0x40)
        #expect(get(UART.ier) & 0x40 == 0)
        #expect(output.bytes.isEmpty)
        #expect(!line.isHigh)
    }

    @Test func `Linux startup finds no transmitter bug`() {
        // serial8250_do_startup() and serial8250_THRE_test().
        for value: UInt64 in [0x01, 0x07, 0x00] { set(UART.fcr, value) }
        for register in [UART.lsr, UART.rbr, UART.iir, UART.msr] { _ = get(register) }
        set(UART.ier, UART.thri)
        #expect(get(UART.iir) & UART.noInterrupt == 0)
        set(UART.ier, 0)
        set(UART.ier, UART.thri)
        #expect(get(UART.iir) & UART.noInterrupt == 0)
        set(UART.ier, 0)
        // Test of BUG_TXEN.
        set(UART.ier, UART.thri)
        #expect(get(UART.lsr) & 0x40 != 0)
        #expect(get(UART.iir) & UART.noInterrupt == 0)
        set(UART.ier, 0)
        #expect(!line.isHigh)
    }

    @Test func `Linux sends by interrupt`() {
        // start_tx enables THRI; the handler fills the FIFO at each interrupt, and stop_tx disables it.
        let message = Array("The quick brown martlet jumps over the lazy hypervisor.\n".utf8)
        set(UART.fcr, 0x81)
        set(UART.ier, UART.rdi | UART.rlsi)
        set(UART.ier, UART.rdi | UART.rlsi | UART.thri)
        var left = message[...]
        var interrupts = 0
        while !left.isEmpty, line.isHigh {
            interrupts += 1
            #expect(get(UART.iir) == 0xc2)
            #expect(get(UART.lsr) & 0x20 != 0)
            for byte in left.prefix(16) { set(UART.thr, UInt64(byte)) }
            left = left.dropFirst(16)
        }
        set(UART.ier, UART.rdi | UART.rlsi)
        #expect(output.bytes == message)
        #expect(interrupts == 4)
        #expect(!line.isHigh)
    }

    // MARK: Transmitter

    @Test func `reading the IIR takes the transmitter interrupt back`() {
        set(UART.ier, UART.thri)
        #expect(line.isHigh)
        #expect(get(UART.iir) == 0x02)
        #expect(!line.isHigh)
        #expect(get(UART.iir) == UART.noInterrupt)
        // Enabling what is enabled already raises nothing; a byte sent does.
        set(UART.ier, UART.thri)
        #expect(!line.isHigh)
        set(UART.thr, 0x41)
        #expect(line.isHigh)
        #expect(get(UART.iir) == 0x02)
    }

    @Test func `an IIR that names another source leaves the transmitters pending`() {
        set(UART.ier, UART.thri | UART.rdi)
        #expect(uart.receive([0x41]) == 1)
        #expect(get(UART.iir) == 0x04)
        #expect(drain() == [0x41])
        #expect(get(UART.iir) == 0x02)
        #expect(get(UART.iir) == UART.noInterrupt)
    }

    @Test func `the transmitter is called without the lock`() {
        // An output that reads the UART's own registers would wait forever if the lock were held.
        let port = Mutex<NS16550A?>(nil)
        let seen = Mutex<[UInt64]>([])
        let output = RecordingOutput { _ in
            guard let uart = port.withLock({ $0 }) else { return }
            let values = [UART.lsr, UART.iir].map { uart.read(offset: $0, width: .byte) }
            seen.withLock { $0 = values }
        }
        let uart = NS16550A(line: RecordingLine(), output: output)
        port.withLock { $0 = uart }
        uart.write(offset: UART.ier, width: .byte, value: UART.thri)
        uart.write(offset: UART.thr, width: .byte, value: 0x41)
        #expect(output.text == "A")
        // The write takes the interrupt back; only when the byte is gone is there another one.
        #expect(seen.withLock { $0 } == [0x60, UART.noInterrupt])
        #expect(uart.read(offset: UART.iir, width: .byte) == 0x02)
        port.withLock { $0 = nil }
    }

    // MARK: Receiver

    @Test func `without FIFO one byte fits`() {
        set(UART.ier, UART.rdi)
        #expect(uart.receive(Array("ab".utf8)) == 1)
        #expect(uart.receive(Array("b".utf8)) == 0)
        #expect(line.isHigh)
        #expect(get(UART.iir) == 0x04)
        #expect(room.value == 0)
        #expect(get(UART.rbr) == 0x61)
        #expect(room.value == 1)
        #expect(!line.isHigh)
    }

    @Test func `the FIFO takes sixteen and the rest waits`() {
        set(UART.fcr, 0x01)
        let input = [UInt8](0..<40)
        var sent = uart.receive(input)
        #expect(sent == 16)
        #expect(uart.receive(input[sent...]) == 0)
        #expect(drain() == [UInt8](0..<16))
        #expect(room.value == 1)
        sent += uart.receive(input[sent...])
        #expect(sent == 32)
        #expect(drain() == [UInt8](16..<32))
        #expect(room.value == 2)
        #expect(uart.receive(input[sent...]) == 8)
        #expect(drain() == [UInt8](32..<40))
        // Nothing was refused any more.
        #expect(room.value == 2)
    }

    @Test(arguments: [(0x01, 1), (0x41, 4), (0x81, 8), (0xc1, 14)] as [(UInt64, Int)])
    func `trigger levels`(fifoControl: UInt64, level: Int) {
        set(UART.fcr, fifoControl)
        set(UART.ier, UART.rdi)
        #expect(uart.receive([UInt8](repeating: 0x2a, count: level)) == level)
        #expect(get(UART.iir) == 0xc4)
        _ = get(UART.rbr)
        // Below the level the rest is reported as a time-out, and the interrupt stays until all is read.
        #expect(get(UART.iir) == (level > 1 ? 0xcc : 0xc1))
        #expect(line.isHigh == (level > 1))
        _ = drain()
        #expect(get(UART.iir) == 0xc1)
        #expect(!line.isHigh)
    }

    @Test func `bytes below the trigger level time out`() {
        set(UART.fcr, 0xc1)
        set(UART.ier, UART.rdi)
        #expect(uart.receive([0x0d]) == 1)
        #expect(line.isHigh)
        #expect(get(UART.iir) == 0xcc)
        // Reading the IIR takes back nothing but the transmitter's interrupt.
        #expect(get(UART.iir) == 0xcc)
        #expect(get(UART.rbr) == 0x0d)
        #expect(line.levels == [true, false])
    }

    @Test func `input that came before interrupts were enabled interrupts then`() {
        set(UART.fcr, 0x01)
        #expect(uart.receive([0x41]) == 1)
        #expect(!line.isHigh)
        set(UART.ier, UART.rdi)
        #expect(line.isHigh)
        set(UART.ier, 0)
        #expect(!line.isHigh)
    }

    @Test func `clearing the FIFO makes room`() {
        set(UART.fcr, 0x01)
        #expect(uart.receive([UInt8](repeating: 1, count: 20)) == 16)
        set(UART.fcr, 0x03)
        #expect(room.value == 1)
        #expect(get(UART.lsr) & 1 == 0)
        #expect(uart.receive([2]) == 1)
        // The clear bit needs bit 0 to count, but leaving FIFO mode clears as well.
        set(UART.fcr, 0x02)
        #expect(drain().isEmpty)
        #expect(get(UART.iir) == UART.noInterrupt)
    }

    @Test func `no input is lost while in loopback`() {
        set(UART.fcr, 0x01)
        set(UART.mcr, UART.loop)
        #expect(uart.receive([0x41]) == 0)
        #expect(room.value == 0)
        set(UART.mcr, 0)
        #expect(room.value == 1)
        #expect(uart.receive([0x41]) == 1)
    }

    // MARK: Loopback

    @Test func `loopback returns bytes and sends none`() {
        set(UART.fcr, 0x01)
        set(UART.ier, UART.rdi)
        set(UART.mcr, UART.loop)
        for byte: UInt64 in 0x41...0x43 { set(UART.thr, byte) }
        #expect(line.isHigh)
        #expect(drain() == [0x41, 0x42, 0x43])
        #expect(output.bytes.isEmpty)
    }

    @Test func `an overrun with FIFO drops the new bytes`() {
        set(UART.fcr, 0x01)
        set(UART.ier, UART.rlsi | UART.rdi)
        set(UART.mcr, UART.loop)
        for byte: UInt64 in 0..<18 { set(UART.thr, byte) }
        // Line status has priority over data, and reading it clears the error.
        #expect(get(UART.iir) == 0xc6)
        #expect(get(UART.lsr) == 0x63)
        #expect(get(UART.lsr) == 0x61)
        #expect(get(UART.iir) == 0xc4)
        #expect(drain() == [UInt8](0..<16))
    }

    @Test func `an overrun without FIFO destroys the old byte`() {
        set(UART.mcr, UART.loop)
        set(UART.thr, 1)
        set(UART.thr, 2)
        #expect(get(UART.lsr) & 2 != 0)
        #expect(drain() == [2])
    }

    @Test func `modem outputs reach the inputs in loopback`() {
        // RTS to CTS, DTR to DSR, OUT1 to RI, OUT2 to DCD.
        let wires: [(output: UInt64, input: UInt64)] = [(0x02, 0x10), (0x01, 0x20), (0x04, 0x40), (0x08, 0x80)]
        for wire in wires {
            set(UART.mcr, UART.loop | wire.output)
            #expect(get(UART.msr) & 0xf0 == wire.input)
        }
    }

    @Test func `modem status notes changes until read`() {
        set(UART.ier, UART.msi)
        set(UART.mcr, UART.loop)  // CTS, DSR and DCD fall.
        #expect(line.isHigh)
        #expect(get(UART.iir) == 0x00)
        #expect(get(UART.msr) == 0x0b)
        #expect(!line.isHigh)
        #expect(get(UART.msr) == 0x00)
        set(UART.mcr, UART.loop | 0x04)  // Ring begins: not noted.
        #expect(get(UART.msr) == 0x40)
        set(UART.mcr, UART.loop)  // Ring ends: noted.
        #expect(get(UART.msr) == 0x04)
    }

    @Test func `the line is driven on changes only`() {
        set(UART.fcr, 0x01)
        set(UART.ier, UART.rdi)
        for byte in UInt8(0)..<10 { #expect(uart.receive([byte]) == 1) }
        #expect(line.levels == [true])
        #expect(drain().count == 10)
        #expect(line.levels == [true, false])
    }
}

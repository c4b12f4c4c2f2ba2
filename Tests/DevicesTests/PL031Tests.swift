// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Devices
import PlatformBus
import Testing

@Suite struct PL031Tests {
    static let dr: UInt64 = 0x00
    static let mr: UInt64 = 0x04
    static let lr: UInt64 = 0x08
    static let cr: UInt64 = 0x0c
    static let imsc: UInt64 = 0x10
    static let ris: UInt64 = 0x14
    static let mis: UInt64 = 0x18
    static let icr: UInt64 = 0x1c

    let line = RecordingLine()
    let clock = TestClock(1_700_000_000)
    let timer = TestTimer()
    let rtc: PL031

    init() {
        rtc = PL031(line: line, clock: clock, timer: timer)
    }

    func get(_ register: UInt64) -> UInt64 { rtc.read(offset: register, width: .word) }
    func set(_ register: UInt64, _ value: UInt64) { rtc.write(offset: register, width: .word, value: value) }

    @Test func `Linux finds an arm prime cell`() {
        // drivers/amba/bus.c puts the words' bytes together and compares with 0xb105f00d; rtc-pl031.c wants the part
        // 0x031 and the designer 0x41 under the mask 0xfffff.
        func word(_ base: UInt64) -> UInt64 {
            (0..<4).reduce(0) { $0 | (get(base + UInt64($1) * 4) & 0xff) << (UInt64($1) * 8) }
        }
        #expect(word(0xff0) == 0xb105_f00d)
        #expect(word(0xfe0) & 0xfffff == 0x41031)
    }

    /// Those of the part, as kvm-unit-tests (arm/pl031.c) and guests that match the whole number want them.
    @Test func `the identification is that of the part`() {
        let registers = stride(from: UInt64(0xfe0), through: 0xffc, by: 4).map(get)
        #expect(registers == [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1])
    }

    /// What the upper bits do isn't specified; kvm-unit-tests clears with one of them, and hardware takes any.
    @Test func `any bit clears the interrupt`() {
        set(Self.imsc, 1)
        set(Self.mr, 1_700_000_000)
        #expect(line.isHigh)
        set(Self.icr, 0x8000_0000)
        #expect(get(Self.ris) == 0 && !line.isHigh)
    }

    @Test func `it runs from the wall clock`() {
        #expect(get(Self.dr) == 1_700_000_000)
        clock.seconds += 5
        #expect(get(Self.dr) == 1_700_000_005)
        #expect(get(Self.cr) == 1)
        set(Self.cr, 0)
        #expect(get(Self.cr) == 1)
    }

    @Test func `load moves the counter`() {
        set(Self.lr, 1000)
        #expect(get(Self.lr) == 1000)
        #expect(get(Self.dr) == 1000)
        clock.seconds += 7
        #expect(get(Self.dr) == 1007)
        #expect(get(Self.lr) == 1000)
    }

    @Test func `the counter wraps`() {
        set(Self.lr, 0xffff_ffff)
        clock.seconds += 1
        #expect(get(Self.dr) == 0)
        clock.seconds = Int64.max
        _ = get(Self.dr)
        clock.seconds = Int64.min
        _ = get(Self.dr)
    }

    @Test func `time beyond 2106 shows its lower 32 bits`() {
        clock.seconds = 0x1_0000_0005
        #expect(get(Self.dr) == 5)
    }

    @Test func `Linux sets an alarm and takes its interrupt`() {
        // pl031_set_alarm(), then pl031_interrupt().
        set(Self.mr, 1_700_000_010)
        set(Self.imsc, 1)
        #expect(timer.calls == [10])
        clock.seconds += 10
        rtc.alarmExpired()
        #expect(line.isHigh)
        #expect(get(Self.ris) == 1)
        #expect(get(Self.mis) == 1)
        set(Self.icr, 1)
        #expect(get(Self.ris) == 0)
        #expect(line.levels == [true, false])
        // It has been; a second expiry is none.
        rtc.alarmExpired()
        #expect(get(Self.ris) == 0)
    }

    @Test func `twenty alarms in a row`() {
        set(Self.imsc, 1)
        for _ in 0..<20 {
            set(Self.mr, get(Self.dr) + 1)
            clock.seconds += 1
            rtc.alarmExpired()
            #expect(line.isHigh)
            set(Self.icr, 1)
        }
        #expect(line.levels.count == 40)
        #expect(timer.calls == [UInt32?](repeating: 1, count: 20))
    }

    @Test func `a masked alarm is raised but not signalled`() {
        set(Self.mr, 1_700_000_001)
        clock.seconds += 1
        rtc.alarmExpired()
        #expect(get(Self.ris) == 1)
        #expect(get(Self.mis) == 0)
        #expect(!line.isHigh)
        set(Self.imsc, 1)
        #expect(line.isHigh)
        set(Self.imsc, 0)
        #expect(line.levels == [true, false])
    }

    @Test func `an alarm for now is due at once`() {
        set(Self.imsc, 1)
        set(Self.mr, 1_700_000_000)
        #expect(line.isHigh)
        #expect(timer.calls == [nil])
        set(Self.icr, 0)
        #expect(line.isHigh)
        set(Self.icr, 1)
        #expect(!line.isHigh)
    }

    @Test func `an alarm in the past comes after the wrap`() {
        set(Self.mr, 1_699_999_999)
        #expect(timer.armed == 0xffff_ffff)
        #expect(get(Self.ris) == 0)
    }

    @Test func `an alarm across the wrap is near`() {
        set(Self.lr, 0xffff_fffe)
        set(Self.mr, 3)
        #expect(timer.armed == 5)
        clock.seconds += 5
        rtc.alarmExpired()
        #expect(get(Self.ris) == 1)
    }

    @Test func `setting the clock moves the alarm`() {
        set(Self.mr, 1_700_000_100)
        set(Self.lr, 1_700_000_090)
        #expect(timer.calls == [100, 10])
    }

    @Test func `an expiry of an alarm that was moved raises nothing`() {
        set(Self.imsc, 1)
        set(Self.mr, 1_700_000_001)
        clock.seconds += 1
        // The timer has expired, but the guest is faster than the thread that says so.
        set(Self.mr, 1_700_000_050)
        rtc.alarmExpired()
        #expect(!line.isHigh)
        #expect(timer.calls == [1, 49, 49])
    }

    @Test func `a wall clock set back postpones the alarm`() {
        set(Self.mr, 1_700_000_010)
        clock.seconds = 1_600_000_000
        rtc.alarmExpired()
        #expect(get(Self.ris) == 0)
        #expect(timer.armed == 100_000_010)
        clock.seconds = Int64.min / 2
        rtc.alarmExpired()
        #expect(timer.armed == .max)
    }

    @Test func `without an alarm an expiry is nothing`() {
        rtc.alarmExpired()
        #expect(get(Self.ris) == 0)
        #expect(timer.calls.isEmpty)
    }

    @Test func `partial reads give their part of the word`() {
        set(Self.lr, 0x1122_3344)
        #expect(rtc.read(offset: 0x0a, width: .halfword) & 0xffff == 0x1122)
        #expect(rtc.read(offset: 0x09, width: .byte) & 0xff == 0x33)
        #expect(rtc.read(offset: 0x08, width: .doubleword) == 0x1122_3344)
    }

    @Test(
        arguments: [
            (0x08, AccessWidth.byte), (0x08, .halfword), (0x08, .doubleword), (0x09, .word), (0x20, .word),
            (0x00, .word), (0x14, .word), (0x18, .word), (0xfe0, .word), (0xffc, .word),
        ] as [(UInt64, AccessWidth)])
    func `writes that reach no whole register are ignored`(offset: UInt64, width: AccessWidth) {
        rtc.write(offset: offset, width: width, value: 1)
        #expect(get(Self.lr) == 0)
        #expect(get(Self.dr) == 1_700_000_000)
        #expect(get(Self.ris) == 0)
        #expect(get(0xfe0) == 0x31)
        #expect(get(0x20) == 0)
    }
}

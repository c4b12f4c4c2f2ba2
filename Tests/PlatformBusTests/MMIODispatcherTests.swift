// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PlatformBus
import Synchronization
import Testing

@Suite struct MMIODispatcherTests {
    let first = RecordingDevice(answer: 0x1122_3344_5566_7788)
    let second = RecordingDevice(answer: 2)

    /// Two regions side by side, and one at the top of the address space.
    func makeDispatcher(unclaimed: @escaping @Sendable (UnclaimedAccess) -> Void = { _ in }) throws -> MMIODispatcher {
        let bus = BusMap(windows: [], spiCount: 0)
        try bus.attach("second", testRange(0x2000, 0x200), to: second)
        try bus.attach("top", testRange(0xffff_ffff_ffff_fff0, 0x10), to: second)
        try bus.attach("first", testRange(0x1000, 0x1000), to: first)
        try bus.reserve("RAM", testRange(0x8000_0000, 0x1000))
        return bus.makeDispatcher(unclaimed: unclaimed)
    }

    @Test func `an access reaches its device with its offset`() throws {
        let dispatcher = try makeDispatcher()
        #expect(dispatcher.read(GuestAddress(0x1ff8), .doubleword) == 0x1122_3344_5566_7788)
        #expect(dispatcher.read(GuestAddress(0x2000), .word) == 2)
        dispatcher.write(GuestAddress(0x21ff), .byte, 0xabcd)
        #expect(first.accesses == [.init(offset: 0xff8, width: .doubleword)])
        #expect(
            second.accesses == [.init(offset: 0, width: .word), .init(offset: 0x1ff, width: .byte, written: 0xcd)])
        #expect(dispatcher.unclaimedReads == 0)
        #expect(dispatcher.unclaimedWrites == 0)
    }

    @Test(arguments: [(AccessWidth.byte, 0x88), (.halfword, 0x7788), (.word, 0x5566_7788)] as [(AccessWidth, UInt64)])
    func `a devices answer is cut to the width`(width: AccessWidth, value: UInt64) throws {
        #expect(try makeDispatcher().read(GuestAddress(0x1000), width) == value)
    }

    @Test func `the last byte of the address space is reachable`() throws {
        let dispatcher = try makeDispatcher()
        #expect(dispatcher.read(GuestAddress(.max), .byte) == 2)
        #expect(dispatcher.read(GuestAddress(.max), .halfword) == 0)
        #expect(dispatcher.unclaimedReads == 1)
        #expect(second.accesses == [.init(offset: 0xf, width: .byte)])
    }

    @Test(
        arguments: [
            (0xfff, AccessWidth.byte), (0xfff, .halfword), (0x1ffc, .doubleword), (0x21fe, .word), (0x2200, .byte),
            (0x8000_0000, .word), (0xffff_ffff_ffff_ffef, .halfword),
        ] as [(UInt64, AccessWidth)])
    func `what no single region holds is unclaimed`(address: UInt64, width: AccessWidth) throws {
        let dispatcher = try makeDispatcher()
        #expect(dispatcher.read(GuestAddress(address), width) == 0)
        dispatcher.write(GuestAddress(address), width, 1)
        #expect(dispatcher.unclaimedReads == 1)
        #expect(dispatcher.unclaimedWrites == 1)
        #expect(first.accesses.isEmpty)
        #expect(second.accesses.isEmpty)
    }

    @Test func `an empty bus reads as zero`() {
        let dispatcher = BusMap(windows: [], spiCount: 0).makeDispatcher()
        #expect(dispatcher.read(GuestAddress(0), .doubleword) == 0)
        #expect(dispatcher.unclaimedReads == 1)
    }

    @Test func `later attachments don't reach a frozen dispatcher`() throws {
        let bus = BusMap(windows: [], spiCount: 0)
        let dispatcher = bus.makeDispatcher()
        try bus.attach("first", testRange(0x1000, 0x1000), to: first)
        #expect(dispatcher.read(GuestAddress(0x1000), .word) == 0)
        #expect(bus.makeDispatcher().read(GuestAddress(0x1000), .word) == 0x5566_7788)
    }

    @Test func `many regions are each found`() throws {
        let bus = BusMap(windows: [], spiCount: 0)
        let devices = (0..<100).map { RecordingDevice(answer: UInt64($0)) }
        for index in devices.indices.reversed() {
            try bus.attach("d\(index)", testRange(UInt64(index) * 0x3000, 0x1000), to: devices[index])
        }
        let dispatcher = bus.makeDispatcher()
        for index in devices.indices {
            #expect(dispatcher.read(GuestAddress(UInt64(index) * 0x3000 + 0xffc), .word) == UInt64(index))
            #expect(dispatcher.read(GuestAddress(UInt64(index) * 0x3000 + 0x1000), .word) == 0)
        }
        #expect(dispatcher.unclaimedReads == 100)
    }

    @Test func `an undescribed access is told to the device that it hit`() throws {
        let dispatcher = try makeDispatcher()
        for address: UInt64 in [0x1000, 0x1fff, 0xfff, 0x2200] { dispatcher.note(.emulated, at: GuestAddress(address)) }
        dispatcher.note(.aborted, at: GuestAddress(0x21ff))
        #expect(first.undescribed == [.emulated, .emulated])
        #expect(second.undescribed == [.aborted])
        #expect(dispatcher.unclaimedReads == 0)
    }

    @Test func `an unclaimed page is reported once`() throws {
        let log = ReportLog()
        let dispatcher = try makeDispatcher { log.append($0) }
        dispatcher.write(GuestAddress(0x5004), .word, 1)
        _ = dispatcher.read(GuestAddress(0x5ff8), .byte)
        _ = dispatcher.read(GuestAddress(0x6000), .byte)
        #expect(
            log.reports.map { "\($0.address) \($0.width.bytes) \($0.isWrite) \($0.isLastReport)" }
                == ["0x5004 4 true false", "0x6000 1 false false"])
    }

    @Test func `a hostile guest can't grow the reports`() throws {
        let log = ReportLog()
        let dispatcher = try makeDispatcher { log.append($0) }
        for page in 0..<10_000 as Range<UInt64> {
            _ = dispatcher.read(GuestAddress(0x10_0000 + page << 12), .word)
        }
        #expect(dispatcher.unclaimedReads == 10_000)
        #expect(log.reports.count == MMIODispatcher.reportedPageLimit)
        #expect(log.reports.last?.isLastReport == true)
        #expect(log.reports.dropLast().allSatisfy { !$0.isLastReport })
    }
}

/// Remembers what it was asked, and answers each read with the same value.
final class RecordingDevice: MMIODevice {
    struct Access: Equatable {
        var offset: UInt64
        var width: AccessWidth
        var written: UInt64?
    }

    let answer: UInt64
    private let log = Mutex<[Access]>([])
    private let notes = Mutex<[UndescribedAccess]>([])

    init(answer: UInt64 = 0) {
        self.answer = answer
    }

    var accesses: [Access] { log.withLock { $0 } }
    var undescribed: [UndescribedAccess] { notes.withLock { $0 } }

    func note(_ access: UndescribedAccess) { notes.withLock { $0.append(access) } }

    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        log.withLock { $0.append(Access(offset: offset, width: width)) }
        return answer
    }

    func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        log.withLock { $0.append(Access(offset: offset, width: width, written: value)) }
    }
}

private final class ReportLog: Sendable {
    private let log = Mutex<[UnclaimedAccess]>([])
    var reports: [UnclaimedAccess] { log.withLock { $0 } }
    func append(_ access: UnclaimedAccess) { log.withLock { $0.append(access) } }
}

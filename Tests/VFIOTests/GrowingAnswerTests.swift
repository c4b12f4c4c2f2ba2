// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import LinuxSystem
import Testing

@testable import VFIO

@Suite struct GrowingAnswerTests {
    private func bytes(needing count: UInt32) throws(Errno) -> (answer: [UInt8], rooms: [Int]) {
        var rooms: [Int] = []
        let answer = try GrowingAnswer.bytes { room in
            rooms.append(room.count)
            for index in 0..<4 { room[index] = UInt8(truncatingIfNeeded: count >> (index * 8)) }
        }
        return (answer, rooms)
    }

    @Test(arguments: [0, 56, 512, 513, 1 << 20] as [UInt32])
    func `an answer is asked for again until it fits`(needed: UInt32) throws {
        let rooms = needed <= 512 ? [512] : [512, Int(needed)]
        let (answer, asked) = try bytes(needing: needed)
        #expect(asked == rooms)
        #expect(answer.count == rooms.last)
    }

    @Test func `an answer that grows meanwhile is asked for once more`() throws {
        var needs: [UInt8] = [3, 4, 4]
        let answer = try GrowingAnswer.bytes { room in room[1] = needs.removeFirst() }
        #expect(answer.count == 0x400 && needs.isEmpty)
    }

    @Test(arguments: [(1 << 20) + 1, .max] as [UInt32]) func `an answer that nobody has room for is an error`(
        needed: UInt32
    ) {
        #expect(throws: Errno.messageTooLong) { try bytes(needing: needed) }
    }

    /// A kernel with so many ranges.
    private func ranges(of count: UInt32) throws(Errno) -> (ranges: [IOVARange], rooms: [UInt32]) {
        var rooms: [UInt32] = []
        let ranges = try GrowingAnswer.ranges { (pairs, room) throws(Errno) in
            rooms.append(room)
            let fitting = min(room, count)
            room = count
            guard fitting == count else { throw .messageTooLong }
            for index in 0..<Int(count) {
                pairs[2 * index] = UInt64(index) << 12
                pairs[2 * index + 1] = UInt64(index) << 12 | 0xFFF
            }
        }
        return (ranges, rooms)
    }

    @Test(arguments: [0, 1, 16, 17, 1 << 16] as [UInt32])
    func `all ranges are had, however many`(count: UInt32) throws {
        let rooms = count <= 16 ? [16] : [16, count]
        let (ranges, asked) = try ranges(of: count)
        #expect(asked == rooms)
        #expect(ranges.count == Int(count))
        #expect(ranges.last?.last == (count == 0 ? nil : UInt64(count) << 12 - 1))
    }

    @Test func `ranges that can't be are an error, and no more are taken than there was room for`() throws {
        #expect(throws: Errno.messageTooLong) { try ranges(of: 1 << 16 + 1) }
        #expect(throws: Errno.messageTooLong) {
            try GrowingAnswer.ranges { (_, _) throws(Errno) in throw .messageTooLong }
        }
        #expect(throws: Errno.ioError) { try GrowingAnswer.ranges { (_, _) throws(Errno) in throw .ioError } }
        #expect(try GrowingAnswer.ranges { (_, count) throws(Errno) in count = .max }.count == 16)
    }
}

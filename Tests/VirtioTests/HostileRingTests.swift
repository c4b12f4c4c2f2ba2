// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import Virtio

/// Memory that is anything at all: no crash, bounded work, and nothing outside RAM is touched.
@Suite(.timeLimit(.minutes(5))) struct HostileRingTests {
    private static let limit = 32

    /// Half of the words are such as a ring may have, so that the queue gets somewhere.
    private func fill(_ memory: TestMemory, _ numbers: inout Sequence) {
        var words: [UInt8] = []
        for _ in 0..<512 {
            let random = numbers.next()
            let word: UInt64 =
                switch random % 8 {
                case 0, 1: TestMemory.base + (random >> 16) % (memory.size + 64)
                // A length, flags and a successor.
                case 2...4: (random >> 40) % 8 << 48 | (random >> 20) % 8 << 32 | (random >> 8) % 600
                case 5: random >> 60
                default: numbers.next()
                }
            for shift in 0..<8 { words.append(UInt8(truncatingIfNeeded: word >> UInt64(shift * 8))) }
        }
        memory.store(words, at: 0)
    }

    /// Requests of three descriptors, of which one field in sixteen is anything.
    private func describe(_ layout: SplitQueue.Layout, _ memory: TestMemory, _ numbers: inout Sequence) {
        let size = UInt64(layout.size)
        func pick<Value>(_ right: Value, _ wrong: [Value]) -> Value {
            numbers.next() % 16 == 0 ? wrong[Int(numbers.next() % UInt64(wrong.count))] : right
        }
        for index in 0..<size {
            let place = layout.descriptors - TestMemory.base + 16 * index
            let part = index % 3
            let room = TestMemory.base + 0x1000 + numbers.next() % 0x2000
            memory.store(pick(room, [TestMemory.base + memory.size - 8, 0, .max, TestMemory.base]), at: place)
            memory.store(pick(part == 1 ? 512 : 16, [0, 1, 17, 513, UInt32.max]), at: place + 8)
            let flags: UInt16 = part == 0 ? 1 : part == 1 && numbers.next() % 2 == 0 ? 1 : part == 1 ? 3 : 2
            memory.store(pick(flags, [0, 1, 2, 3, 4, 5, 6, 7]), at: place + 12)
            memory.store(pick(UInt16((index + 1) % size), [0, UInt16(size), .max]), at: place + 14)
            memory.store(
                pick(UInt16(index / 3 * 3), [UInt16(size)]), at: layout.available - TestMemory.base + 4 + 2 * index)
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `10,000 random rings each`(seed: UInt64) throws {
        let memory = try TestMemory(size: 0x4000)
        let seen = QueueMemory(memory.ram)
        let handler = BlockHandler(
            try temporaryDrive(sectors: 16).file, .init(sectorCount: 16, isReadOnly: false, flushes: true),
            name: "drive test", identity: [UInt8](repeating: 0x41, count: 20), log: .silent)
        var numbers = Sequence(seed &+ 77)
        var chain = DescriptorChain(capacity: Self.limit + seen.bankCount)
        var (faults, requests, longest) = (0, 0, 0)
        for round in 0..<10_000 {
            if round % 8 == 0 { fill(memory, &numbers) }
            let size: UInt16 = 1 << UInt16(numbers.next() % 6)
            var layout = SplitQueue.Layout(
                size: size, descriptors: memory.address(numbers.next() % 64 * 16),
                available: memory.address(numbers.next() % 1024 * 2), used: memory.address(numbers.next() % 512 * 4),
                usesEventIndex: numbers.next() % 2 == 0, usesIndirect: numbers.next() % 4 != 0)
            // Half of the rings could be some.
            if numbers.next() % 2 == 0 {
                (layout.descriptors, layout.available, layout.used) = (
                    memory.address(0), memory.address(0x800), memory.address(0xC00)
                )
                describe(layout, memory, &numbers)
            }
            // An index that is not too far ahead, most of the time.
            if numbers.next() % 8 != 0 {
                memory.store(UInt16(numbers.next() % 6), at: layout.available - TestMemory.base + 2)
            }
            do throws(QueueFault) {
                var queue = try SplitQueue(layout, chainLimit: Self.limit, memory: seen)
                queue.suppressKicks()
                // The guest may write while the device works: the device then has work for as long.
                for _ in 0..<64 {
                    guard try queue.next(&chain) else { break }
                    longest = max(longest, chain.readable.count + chain.writable.count)
                    queue.add(chain.head, written: try handler.handle(&chain))
                    requests += 1
                    _ = queue.publish()
                }
                _ = try queue.wantKick()
            } catch { faults += 1 }
        }
        #expect(memory.isCanaryIntact)
        #expect(longest <= Self.limit)
        #expect(faults > 1000 && requests > 500, "\(faults) faults, \(requests) requests")
    }

    /// What was checked has to be what is used: the rings change between any two looks of the device.
    @Test func `a guest that writes while the device reads`() throws {
        let drive = try temporaryDrive(sectors: 16)
        let machine = try TestMachine(
            BlockDevice(id: "a", slot: 0, file: drive.file, cache: .writeback, engine: .sync, vcpuCount: 1))
        let isDone = Atomic<Bool>(false)
        let memory = machine.memory
        let layout = machine.driver.layout
        let writes = Atomic<Int>(0)
        try withThread { [self] in
            var numbers = Sequence(4711)
            while !isDone.load(ordering: .relaxed) {
                describe(layout, memory, &numbers)
                memory.store(UInt16(truncatingIfNeeded: numbers.next()), at: layout.available - TestMemory.base + 2)
                writes.add(1, ordering: .relaxed)
            }
        } while: {
            for round in 0..<400 {
                machine.start(eventIndex: round % 2 == 0)
                for _ in 0..<4 {
                    machine.kick()
                    usleep(200)
                }
            }
            isDone.store(true, ordering: .relaxed)
        }
        #expect(memory.isCanaryIntact)
        #expect(writes.load(ordering: .relaxed) > 100)
        machine.start()
        #expect(machine.run(0, sector: 3, room: 512) == (0, 513))
        #expect(machine.lines.all.count <= 16, "\(machine.lines.all)")
    }
}

/// Runs `body` on a thread of its own while `other` runs.
private func withThread(_ body: @escaping @Sendable () -> Void, while other: () throws -> Void) throws {
    let thread = try SystemThread(name: "guest", body)
    defer { thread.join() }
    try other()
}

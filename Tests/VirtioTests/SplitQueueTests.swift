// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import LinuxSystem
import PlatformBus
import Testing

@testable import Virtio

/// A queue and a chain that a test's expectations can change.
private final class TestQueue {
    private var queue: SplitQueue
    private(set) var chain = DescriptorChain(capacity: 17)

    init(_ queue: SplitQueue) { self.queue = queue }

    func next() throws(QueueFault) -> Bool { try queue.next(&chain) }
    func add(_ head: UInt16, written: UInt32) { queue.add(head, written: written) }
    func publish() -> Bool { queue.publish() }
    func suppressKicks() { queue.suppressKicks() }
    func wantKick() throws(QueueFault) -> Bool { try queue.wantKick() }

    var head: UInt16 { chain.head }
    var counts: [UInt64] { [chain.readableCount, chain.writableCount] }
    var writable: [MemorySegment] { Array(chain.writable) }

    /// The fault of the next chain; nil for none.
    var fault: QueueFault? {
        do throws(QueueFault) {
            _ = try next()
            return nil
        } catch { return error }
    }
}

/// The device's side of a queue, and drivers that are honest and hostile.
@Suite struct SplitQueueTests {
    private static let limit = 16
    private let memory: TestMemory
    private var driver: TestDriver
    private let seen: QueueMemory

    init() throws {
        memory = try TestMemory()
        driver = TestDriver(memory, size: 8)
        seen = QueueMemory(memory.ram)
    }

    private func queue() throws(QueueFault) -> TestQueue {
        TestQueue(try SplitQueue(driver.layout, chainLimit: Self.limit, memory: seen))
    }

    @Test mutating func `chains come in the order of the available ring, with their buffers`() throws {
        let queue = try queue()
        #expect(try !queue.next())
        driver.describe(
            [.init(offset: 0x4000, count: 16), .init(offset: 0x5000, count: 100, isWritable: true)], from: 2)
        driver.describe([.init(offset: 0x6000, count: 7)], from: 5)
        driver.offer(5)
        driver.offer(2)
        #expect(try queue.next())
        #expect(queue.head == 5 && queue.counts == [7, 0])
        #expect(try queue.next())
        #expect(queue.head == 2 && queue.counts == [16, 100])
        let host = try #require(memory.ram.bytes(at: GuestAddress(memory.address(0x5000)), count: 1)?.baseAddress)
        #expect(queue.writable == [MemorySegment(address: UInt(bitPattern: host), count: 100)])
        #expect(try !queue.next())
        queue.add(5, written: 0)
        queue.add(2, written: 77)
        #expect(driver.usedIndex == 0, "nothing is shown before it is published")
        #expect(queue.publish())
        #expect(driver.usedIndex == 2)
        #expect(driver.usedEntry(0) == (5, 0) && driver.usedEntry(1) == (2, 77))
        #expect(!queue.publish(), "there is nothing new")
    }

    @Test mutating func `an indirect table is followed, wherever it is`() throws {
        let queue = try queue()
        for (index, table): (UInt16, UInt64) in [(0, 0x7000), (1, 0x7101)] {
            driver.describe(
                [.init(offset: 0x4000, count: 16), .init(offset: 0x4100, count: 3, isWritable: true)], from: 0,
                table: table)
            driver.describe(index, address: memory.address(table), count: 32, flags: 4)
            driver.offer(index)
            #expect(try queue.next())
            #expect(queue.counts == [16, 3])
        }
    }

    @Test mutating func `an indirect table may be as long as a chain, and no longer`() throws {
        for count in [Self.limit, Self.limit + 1] {
            let queue = try queue()
            memory.store(UInt16(0), at: driver.available + 2)
            var driver = driver
            let buffers = (0..<count).map { TestDriver.Buffer(offset: 0x4000 + UInt64($0) * 16, count: 16) }
            driver.describe(buffers, from: 0, table: 0x7000)
            driver.describe(0, address: memory.address(0x7000), count: UInt32(count) * 16, flags: 4)
            driver.offer(0)
            #expect(queue.fault == (count == Self.limit ? nil : .chainLength(limit: Self.limit)))
        }
    }

    @Test mutating func `indices wrap`() throws {
        let queue = try queue()
        driver.describe([.init(offset: 0x4000, count: 1)], from: 3)
        for round in 0..<70000 {
            driver.offer(3)
            let isThere = try queue.next()
            queue.add(3, written: UInt32(round % 100))
            _ = queue.publish()
            if !isThere { Issue.record("round \(round)") }
        }
        #expect(driver.usedIndex == UInt16(truncatingIfNeeded: 70000))
    }

    @Test(arguments: [true, false]) mutating func `the guest says when it wants an interrupt`(usesEvents: Bool) throws {
        driver.usesEventIndex = usesEvents
        let queue = try queue()
        driver.describe([.init(offset: 0x4000, count: 1)], from: 0)
        var answers: [Bool] = []
        // With event indices: after the third. Without: never, and from the fourth on always.
        driver.setUsedEvent(2)
        if !usesEvents { memory.store(UInt16(1), at: driver.available) }
        for round in 0..<6 {
            if round == 3, !usesEvents { memory.store(UInt16(0), at: driver.available) }
            driver.offer(0)
            _ = try queue.next()
            queue.add(0, written: 0)
            answers.append(queue.publish())
        }
        #expect(
            answers
                == (usesEvents ? [false, false, true, false, false, false] : [false, false, false, true, true, true]))
    }

    @Test mutating func `the device says when it wants a kick, and misses nothing meanwhile`() throws {
        driver.usesEventIndex = true
        let queue = try queue()
        driver.describe([.init(offset: 0x4000, count: 1)], from: 0)
        driver.offer(0)
        _ = try queue.next()
        #expect(try !queue.wantKick())
        #expect(driver.availableEvent == 1)
        driver.offer(0)
        #expect(try queue.wantKick())
        driver.usesEventIndex = false
        let other = try self.queue()
        other.suppressKicks()
        #expect(memory.load(UInt16.self, at: driver.used) == 1)
        #expect(try other.wantKick())
        #expect(memory.load(UInt16.self, at: driver.used) == 0)
    }

    @Test mutating func `what is wrong with a ring or a chain is named`() throws {
        var bad = driver.layout
        for (part, address) in [
            (\SplitQueue.Layout.used, memory.address(memory.size - 8)), (\.available, 0), (\.descriptors, .max),
        ] {
            bad = driver.layout
            bad[keyPath: part] = address
            #expect(throws: QueueFault.ring(address: address)) {
                try SplitQueue(bad, chainLimit: Self.limit, memory: seen)
            }
        }
        let ram = memory.address(0x4000)
        let cases: [(QueueFault, (TestDriver) -> Void)] = [
            (.next(8, size: 8), { $0.describe(0, address: ram, count: 1, flags: 1, next: 8) }),
            (.chainLength(limit: Self.limit), { $0.describe(0, address: ram, count: 1, flags: 1, next: 0) }),
            (.buffer(address: 0x10, count: 4), { $0.describe(0, address: 0x10, count: 4, flags: 0) }),
            (.buffer(address: .max, count: 4), { $0.describe(0, address: .max, count: 4, flags: 0) }),
            (.buffer(address: ram, count: .max), { $0.describe(0, address: ram, count: .max, flags: 2) }),
            (.indirectSize(17), { $0.describe(0, address: ram, count: 17, flags: 4) }),
            (.indirectSize(0), { $0.describe(0, address: ram, count: 0, flags: 4) }),
            (.indirect, { $0.describe(0, address: ram, count: 16, flags: 5, next: 1) }),
            (.buffer(address: 8, count: 16), { $0.describe(0, address: 8, count: 16, flags: 4) }),
            (
                .indirect,
                {
                    $0.describe(0, address: ram, count: 16, flags: 4)
                    $0.describe(0, address: ram, count: 16, flags: 4, table: 0x4000)
                }
            ),
            (
                .next(1, size: 1),
                {
                    $0.describe(0, address: ram, count: 16, flags: 4)
                    $0.describe(0, address: ram, count: 16, flags: 1, next: 1, table: 0x4000)
                }
            ),
            (
                .order,
                {
                    $0.describe(0, address: ram, count: 1, flags: 3, next: 1)
                    $0.describe(1, address: ram, count: 1, flags: 0)
                }
            ),
        ]
        for (wanted, describe) in cases {
            var driver = driver
            memory.store(UInt16(0), at: driver.available + 2)
            let queue = try queue()
            describe(driver)
            driver.offer(0)
            #expect(queue.fault == wanted)
        }
    }

    @Test mutating func `an available ring that is ahead of itself or begins nowhere is a fault`() throws {
        let queue = try queue()
        memory.store(UInt16(9), at: driver.available + 2)
        #expect(queue.fault == .availableIndex(ahead: 9, size: 8))
        let other = try self.queue()
        memory.store(UInt16(1), at: driver.available + 2)
        memory.store(UInt16(8), at: driver.available + 4)
        #expect(other.fault == .head(8, size: 8))
    }

    /// The fault of `body`; nil for none.
    private func fault(_ body: () throws(QueueFault) -> Void) -> QueueFault? {
        do throws(QueueFault) {
            try body()
            return nil
        } catch { return error }
    }

    @Test func `a chain of 4 GiB is a fault`() throws {
        var chain = DescriptorChain(capacity: 4)
        chain.begin(0)
        try chain.append(MemorySegment(address: 0, count: Int(UInt32.max)), isWritable: false)
        let got = fault { () throws(QueueFault) in
            try chain.append(MemorySegment(address: 0, count: 1), isWritable: true)
        }
        #expect(got == .byteCount)
    }

    @Test func `a buffer may go on in the next bank`() throws {
        let system = LinuxKernel()
        var banks: [GuestRAM.Bank] = []
        for base in [0x1000, 0x2000, 0x4000] as [UInt64] {
            let file = OwnedDescriptor(adopting: try system.createMemory(name: "bank", size: 0x1000), of: system)
            banks.append(
                GuestRAM.Bank(
                    range: try #require(GuestRange(base: GuestAddress(base), size: 0x1000)),
                    mapping: try MemoryMapping(of: file.rawValue, size: 0x1000, system: system)))
        }
        let memory = QueueMemory(try GuestRAM(banks))
        var chain = DescriptorChain(capacity: 4)
        chain.begin(0)
        try memory.append(0x1f00, count: 0x200, isWritable: true, to: &chain)
        let counts = chain.writable.map(\.count)
        #expect(counts == [0x100, 0x100])
        let got = fault { () throws(QueueFault) in
            try memory.append(0x2f00, count: 0x200, isWritable: true, to: &chain)
        }
        #expect(got == .buffer(address: 0x2f00, count: 0x200))
        #expect(memory.pointer(0x1f00, count: 0x200) == nil, "rings have to be in one")
    }

    @Test func `bytes are taken off a chain however it is cut`() throws {
        memory.store((0..<64).map { UInt8($0) }, at: 0x4000)
        var chain = DescriptorChain(capacity: 8)
        let taken = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
        defer { taken.deallocate() }
        for cut in [1, 3, 7, 16, 20] as [UInt64] {
            chain.begin(0)
            try seen.append(memory.address(0x4000), count: UInt32(cut), isWritable: false, to: &chain)
            try seen.append(memory.address(0x4000 + cut), count: UInt32(32 - cut), isWritable: false, to: &chain)
            try seen.append(memory.address(0x5000), count: 1, isWritable: true, to: &chain)
            try seen.append(memory.address(0x5001), count: 2, isWritable: true, to: &chain)
            let target = try #require(taken.baseAddress)
            var isTaken = chain.take(16, into: target)
            #expect(isTaken && Array(taken) == (0..<16).map { UInt8($0) })
            let left = (chain.readableCount, chain.readable.map(\.count).reduce(0, +))
            #expect(left == (16, 16))
            isTaken = chain.take(17, into: target)
            #expect(!isTaken)
            isTaken = chain.take(16, into: target)
            #expect(isTaken && Array(taken) == (16..<32).map { UInt8($0) })
            var ends: [UInt?] = []
            for _ in 0..<4 { ends.append(chain.takeLastWritable().map { UInt(bitPattern: $0) }) }
            #expect(ends[0] == ends[1].map { $0 + 1 } && ends[1] == ends[2].map { $0 + 1 } && ends[3] == nil)
        }
    }
}

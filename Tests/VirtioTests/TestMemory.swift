// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import LinuxSystem
import PlatformBus
import Testing

@testable import Virtio

/// A guest's RAM for tests: a bank between two pages that nothing may touch.
struct TestMemory: Sendable {
    static let base: UInt64 = 0x8000_0000

    let ram: GuestRAM
    private let whole: MemoryMapping
    private let canary = UInt8(0xA5)
    let size: UInt64

    /// `size` bytes of RAM in whole pages.
    init(size: UInt64 = 0x10000) throws {
        let system = LinuxKernel()
        let page = MemoryMapping.pageSize
        let file = OwnedDescriptor(
            adopting: try system.createMemory(name: "martlet-test", size: size + 2 * page), of: system)
        whole = try MemoryMapping(of: file.rawValue, size: size + 2 * page, system: system)
        let canaries = [whole.bytes(at: 0, count: page), whole.bytes(at: size + page, count: page)]
        for bytes in canaries { bytes?.initializeMemory(as: UInt8.self, repeating: canary) }
        // The bank's own mapping is of the same file.
        let mapping = try MemoryMapping(of: file.rawValue, offset: page, size: size, system: system)
        let range = try #require(GuestRange(base: GuestAddress(Self.base), size: size))
        ram = try GuestRAM([GuestRAM.Bank(range: range, mapping: mapping)])
        self.size = size
    }

    /// Whether nothing was written around RAM.
    var isCanaryIntact: Bool {
        let page = MemoryMapping.pageSize
        return [whole.bytes(at: 0, count: page), whole.bytes(at: size + page, count: page)].allSatisfy {
            $0?.allSatisfy { $0 == canary } == true
        }
    }

    /// The address of the byte at `offset`.
    func address(_ offset: UInt64) -> UInt64 { Self.base + offset }

    func bytes(at offset: UInt64, count: Int) -> [UInt8] {
        Array(ram.bytes(at: GuestAddress(address(offset)), count: UInt64(count)) ?? .init(start: nil, count: 0))
    }

    func store(_ bytes: [UInt8], at offset: UInt64) { _ = ram.write(bytes, at: GuestAddress(address(offset))) }

    func store<Number: FixedWidthInteger>(_ number: Number, at offset: UInt64) {
        store(withUnsafeBytes(of: number.littleEndian) { Array($0) }, at: offset)
    }

    func load<Number: FixedWidthInteger>(_ type: Number.Type, at offset: UInt64) -> Number {
        bytes(at: offset, count: Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number($1) }
    }
}

/// The driver's side of a queue in `TestMemory`, written from the specification alone.
struct TestDriver {
    let memory: TestMemory
    let size: UInt16
    /// Offsets in RAM.
    let descriptors: UInt64
    let available: UInt64
    let used: UInt64
    var usesEventIndex = false
    private(set) var availableIndex: UInt16 = 0

    init(_ memory: TestMemory, size: UInt16, at offset: UInt64 = 0) {
        self.memory = memory
        self.size = size
        descriptors = offset
        available = offset + 16 * UInt64(size)
        used = (available + 6 + 2 * UInt64(size) + 3) & ~3
    }

    var layout: SplitQueue.Layout {
        SplitQueue.Layout(
            size: size, descriptors: memory.address(descriptors), available: memory.address(available),
            used: memory.address(used), usesEventIndex: usesEventIndex, usesIndirect: true)
    }

    /// A buffer: where it is in RAM, and whether the device writes it.
    struct Buffer {
        var offset: UInt64
        var count: UInt32
        var isWritable = false
    }

    /// Writes a descriptor; flags as the specification has them: 1 next, 2 write, 4 indirect.
    func describe(
        _ index: UInt16, address: UInt64, count: UInt32, flags: UInt16, next: UInt16 = 0, table: UInt64? = nil
    ) {
        let place = (table ?? descriptors) + 16 * UInt64(index)
        memory.store(address, at: place)
        memory.store(count, at: place + 8)
        memory.store(flags, at: place + 12)
        memory.store(next, at: place + 14)
    }

    /// A chain of `buffers` in descriptors from `head` on.
    func describe(_ buffers: [Buffer], from head: UInt16, table: UInt64? = nil) {
        for (index, buffer) in buffers.enumerated() {
            let isLast = index == buffers.count - 1
            let number = head + UInt16(index)
            describe(
                number, address: memory.address(buffer.offset), count: buffer.count,
                flags: (isLast ? 0 : 1) | (buffer.isWritable ? 2 : 0), next: isLast ? 0 : number + 1, table: table)
        }
    }

    /// Puts a chain into the available ring.
    mutating func offer(_ head: UInt16) {
        memory.store(head, at: available + 4 + 2 * UInt64(availableIndex % size))
        availableIndex &+= 1
        memory.store(availableIndex, at: available + 2)
    }

    var usedIndex: UInt16 { memory.load(UInt16.self, at: used + 2) }

    func usedEntry(_ index: UInt16) -> (head: UInt32, written: UInt32) {
        let place = used + 4 + 8 * UInt64(index % size)
        return (memory.load(UInt32.self, at: place), memory.load(UInt32.self, at: place + 4))
    }

    /// used_event: the driver wants an interrupt when the used ring passes it.
    func setUsedEvent(_ index: UInt16) { memory.store(index, at: available + 4 + 2 * UInt64(size)) }
    /// avail_event, which the device has written.
    var availableEvent: UInt16 { memory.load(UInt16.self, at: used + 4 + 8 * UInt64(size)) }
}

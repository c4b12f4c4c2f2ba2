// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@Suite struct MemoryMappingTests {
    private let kernel = LinuxKernel()
    private let size: UInt64 = 0x4000

    private func makeMemory() throws -> OwnedDescriptor {
        OwnedDescriptor(adopting: try kernel.createMemory(name: "martlet-test", size: size), of: kernel)
    }

    @Test func `two mappings show the same memory`() throws {
        let memory = try makeMemory()
        let whole = try MemoryMapping(of: memory.rawValue, size: size, system: kernel)
        let part = try MemoryMapping(of: memory.rawValue, offset: 0x1000, size: 0x1000, system: kernel)
        let bytes = try #require(whole.bytes(at: 0x1234, count: 4))
        bytes.copyBytes(from: [1, 2, 3, 4])
        let same = try #require(part.bytes(at: 0x234, count: 4))
        #expect(Array(same) == [1, 2, 3, 4])
    }

    @Test func `fresh memory is zero`() throws {
        let memory = try makeMemory()
        let mapping = try MemoryMapping(of: memory.rawValue, size: size, system: kernel)
        mapping.preferHugePages()
        #expect(try #require(mapping.bytes(at: 0, count: size)).allSatisfy { $0 == 0 })
    }

    @Test func `gives only bytes that are inside`() throws {
        let memory = try makeMemory()
        let mapping = try MemoryMapping(of: memory.rawValue, size: size, system: kernel)
        #expect(mapping.bytes(at: 0, count: size)?.count == 0x4000)
        #expect(mapping.bytes(at: size - 1, count: 1)?.count == 1)
        #expect(mapping.bytes(at: size, count: 0)?.count == 0)
        #expect(mapping.bytes(at: size, count: 1) == nil)
        #expect(mapping.bytes(at: size + 1, count: 0) == nil)
        #expect(mapping.bytes(at: 1, count: size) == nil)
        #expect(mapping.bytes(at: .max, count: 1) == nil)
        #expect(mapping.bytes(at: 1, count: .max) == nil)
    }

    @Test func `keeps the memory when the descriptor is closed`() throws {
        var mapping: MemoryMapping?
        do {
            let memory = try makeMemory()
            mapping = try MemoryMapping(of: memory.rawValue, size: size, system: kernel)
        }
        let bytes = try #require(mapping?.bytes(at: 0, count: 1))
        bytes[0] = 7
        #expect(bytes[0] == 7)
    }

    @Test func `errors come from the kernel`() throws {
        #expect(throws: Errno.badFileDescriptor) { try MemoryMapping(of: -1, size: 4096, system: kernel) }
        let memory = try makeMemory()
        let raw = memory.rawValue
        #expect(throws: Errno.invalidArgument) {
            try MemoryMapping(of: raw, offset: 1, size: 4096, system: kernel)
        }
        #expect(throws: Errno.invalidArgument) { try MemoryMapping(of: raw, size: 0, system: kernel) }
        #expect(throws: Errno.invalidArgument) { try MemoryMapping(of: raw, size: .max, system: kernel) }
        #expect(throws: Errno.invalidArgument) {
            try MemoryMapping(of: raw, offset: .max, size: 4096, system: kernel)
        }
        #expect(throws: Errno.invalidArgument) { try kernel.createMemory(name: "too large", size: .max) }
    }

    /// The flags of the part of this process's memory that begins at `address`.
    private func flags(at address: UInt) throws -> [Substring] {
        let text = String(decoding: try kernel.readFile("/proc/self/smaps", limit: 64 << 20), as: UTF8.self)
        let lines = text.split(separator: "\n").drop { !$0.hasPrefix("\(String(address, radix: 16))-") }
        return try #require(lines.first { $0.hasPrefix("VmFlags:") }).split(separator: " ")
    }

    @Test func `memory is left out of core dumps when that is asked for`() throws {
        let memory = try makeMemory()
        let mapping = try MemoryMapping(of: memory.rawValue, size: size, system: kernel)
        #expect(try flags(at: mapping.address).contains("sh"))
        #expect(try !flags(at: mapping.address).contains("dd"))
        try mapping.excludeFromCoreDumps()
        #expect(try flags(at: mapping.address).contains("dd"))
    }

    @Test func `is unmapped when its last user lets go`() throws {
        let fake = FakeKernel()
        var first: MemoryMapping? = try MemoryMapping(of: 0, size: size, system: fake)
        let second = first
        first = nil
        withExtendedLifetime(second) { #expect(fake.held == ["mmap ?"]) }
        #expect(first == nil)
        _ = consume second
        #expect(fake.held.isEmpty)
    }
}

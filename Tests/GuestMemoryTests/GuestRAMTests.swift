// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import GuestMemory

@Suite struct GuestRAMTests {
    private let kernel = FakeKernel()

    private func range(_ base: UInt64, _ size: UInt64) throws -> GuestRange {
        try #require(GuestRange(base: GuestAddress(base), size: size))
    }

    @Test func `banks are written at their guest addresses`() throws {
        let memory = try GuestRAM([try range(0x8000_0000, 0x2000), try range(0x9000_0000, 0x1000)], system: kernel)
        #expect(memory.write([1, 2, 3], at: GuestAddress(0x8000_1FFD)))
        #expect(memory.write([4], at: GuestAddress(0x9000_0000)))
        #expect(memory.bytes(at: GuestAddress(0x8000_1FFE), count: 2).map(Array.init) == [2, 3])
        #expect(memory.bytes(at: GuestAddress(0x9000_0000), count: 1).map(Array.init) == [4])
    }

    @Test func `nothing outside a bank is given out`() throws {
        let memory = try GuestRAM([try range(0x8000_0000, 0x2000), try range(0x8000_2000, 0x1000)], system: kernel)
        #expect(memory.bytes(at: GuestAddress(0x7FFF_FFFF), count: 1) == nil)
        #expect(memory.bytes(at: GuestAddress(0x8000_3000), count: 1) == nil)
        // Two banks side by side are two mappings.
        #expect(memory.bytes(at: GuestAddress(0x8000_1FFF), count: 2) == nil)
        #expect(memory.bytes(at: GuestAddress(0x8000_0000), count: .max) == nil)
        #expect(!memory.write([1, 2], at: GuestAddress(0x8000_2FFF)))
    }

    @Test(arguments: [(1, "memfd_create"), (2, "mmap")])
    func `memory that cannot be had is an error before boot`(call: Int, name: String) throws {
        kernel.withState { state in
            state.failingCall = call
            state.failure = .noMemory
        }
        let ram = try range(0x8000_0000, 64 << 20)
        let error = memoryError { () throws(GuestMemoryError) in try GuestRAM([ram], system: kernel) }
        #expect(
            error == .memory(mebibytes: 64, call: name, errno: .noMemory))
        #expect(kernel.held.isEmpty)
    }

    @Test(arguments: [false, true], [nil, 2 << 20] as [UInt64?]) func `RAM is in no core dump unless it is to be`(
        isDumped: Bool, hugePageSize: UInt64?
    ) throws {
        kernel.withState { $0.memory.hugePages[2 << 20] = [0, 2 << 20] }
        let ranges = [try range(0x8000_0000, 2 << 20), try range(0x9000_0000, 2 << 20)]
        let memory = try GuestRAM(ranges, hugePageSize: hugePageSize, isDumped: isDumped, system: kernel)
        let isExcluded = kernel.withState { state in
            memory.banks.map { state.mappings[$0.mapping.address]?.isExcludedFromCoreDumps }
        }
        #expect(isExcluded == [!isDumped, !isDumped])
    }

    @Test func `RAM that can't be left out of core dumps is an error`() throws {
        kernel.withState { state in
            state.beforeCall = { $0 == "madvise(MADV_DONTDUMP)" ? .invalidArgument : nil }
        }
        let ram = try range(0x8000_0000, 64 << 20)
        let error = memoryError { () throws(GuestMemoryError) in try GuestRAM([ram], system: kernel) }
        #expect(error?.description.contains("madvise(MADV_DONTDUMP): EINVAL (Invalid argument)") == true)
        #expect(kernel.held.isEmpty)
    }

    @Test func `a bank that fails gives back the ones before`() throws {
        kernel.withState { $0.failingCall = 4 }
        let ranges = [try range(0x8000_0000, 0x1000), try range(0x9000_0000, 0x1000)]
        _ = memoryError { () throws(GuestMemoryError) in try GuestRAM(ranges, system: kernel) }
        #expect(kernel.withState { $0.failedCall }?.hasPrefix("memfd_create") == true)
        #expect(kernel.held.isEmpty)
        #expect(kernel.disorder == nil)
    }
}

/// The error that `body` throws; nil without one.
private func memoryError(_ body: () throws(GuestMemoryError) -> some Any) -> GuestMemoryError? {
    do throws(GuestMemoryError) {
        _ = try body()
        return nil
    } catch { return error }
}

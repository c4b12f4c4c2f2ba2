// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import Testing

@testable import GuestMemory

/// Memory whose place is known, on a fake of the kernel.
@Suite struct PhysicalMemoryTests {
    private let kernel = FakeKernel()
    private static let page: UInt64 = 2 << 20

    /// Fills the pool with pages at multiples of 2 MiB.
    private func fillPool(_ numbers: [UInt64]) {
        kernel.withState { $0.memory.hugePages[Self.page] = numbers.map { $0 * Self.page } }
    }

    private func take(
        _ pages: UInt64, from source: PhysicalMemory.Source = .hugePages(size: page)
    ) throws(PhysicalMemoryError) -> PhysicalMemory {
        try PhysicalMemory(size: pages * Self.page, from: source, system: kernel)
    }

    private func error(_ body: () throws(PhysicalMemoryError) -> PhysicalMemory) -> PhysicalMemoryError? {
        do throws(PhysicalMemoryError) {
            _ = try body()
            return nil
        } catch { return error }
    }

    // MARK: Runs

    @Test func `pages that follow each other are one run`() {
        #expect(
            PhysicalRun.runs(of: [0x3000, 0x1000, 0x2000, 0x8000], pageSize: 0x1000) == [
                PhysicalRun(address: 0x1000, parts: [0x1000..<0x3000, 0..<0x1000]),
                PhysicalRun(address: 0x8000, parts: [0x3000..<0x4000]),
            ])
        #expect(PhysicalRun.runs(of: [], pageSize: 0x1000) == [])
    }

    @Test(
        arguments: [([0x1000, 0x1000], 0x1000), ([0x1800], 0x1000), ([.max - 0xFFF], 0x1000), ([0], 3)]
            as [([UInt64], UInt64)])
    func `what is no page is no run`(pages: [UInt64], size: UInt64) {
        #expect(PhysicalRun.runs(of: pages, pageSize: size) == nil)
    }

    /// However they lie, each page is in one run, where it belongs, and no two runs touch.
    @Test(arguments: 0..<50 as Range<UInt64>) func `runs have every page once`(seed: UInt64) throws {
        var generator = SystemRandomNumberGenerator()
        let places = Array((0..<200 as Range<UInt64>).shuffled(using: &generator).prefix(Int(seed) + 1))
        let runs = try #require(PhysicalRun.runs(of: places.map { $0 << 12 }, pageSize: 1 << 12))
        var found: [UInt64: UInt64] = [:]
        for run in runs {
            var address = run.address
            for part in run.parts {
                for offset in stride(from: part.lowerBound, to: part.upperBound, by: 1 << 12) {
                    #expect(found.updateValue(address, forKey: offset) == nil)
                    address += 1 << 12
                }
            }
            #expect(address == run.address + run.size)
        }
        #expect(found.count == places.count)
        for (index, place) in places.enumerated() { #expect(found[UInt64(index) << 12] == place << 12) }
        for (one, next) in zip(runs, runs.dropFirst()) { #expect(one.address + one.size < next.address) }
    }

    // MARK: Huge pages

    @Test func `pages are sorted into banks and pinned`() throws {
        fillPool([7, 3, 4, 100, 5])
        let memory = try take(5)

        #expect(memory.banks.map(\.address) == [3, 7, 100].map { $0 * Self.page })
        #expect(memory.banks.map(\.mapping.size) == [3, 1, 1].map { $0 * Self.page })
        #expect(memory.size == 5 * Self.page)
        #expect(memory.pinFailure == nil)
        #expect(kernel.held.filter { $0 == "pin" }.count == 1)
        #expect(try memory.firstMoved() == nil)
    }

    @Test func `everything is given back`() throws {
        fillPool([1, 2, 9])
        do { _ = try take(3) }
        #expect(kernel.held.isEmpty, "\(kernel.held)")
    }

    @Test func `the pin goes after the banks, and the page map last`() throws {
        fillPool([1, 2, 9])
        do { _ = try take(3) }
        let released = kernel.journal.compactMap { event in
            if case .release(let what) = event { what } else { nil }
        }
        #expect(released.count > 2)
        #expect(released.suffix(2) == ["pin", "open /proc/self/pagemap"])
    }

    @Test func `closing lets go of all but what others share`() throws {
        fillPool([1, 2, 9])
        let memory = try take(3)
        let bank = try #require(memory.banks.first)
        let before = kernel.held.count
        memory.close()
        memory.close()
        #expect(memory.banks.isEmpty)
        withExtendedLifetime(bank) { #expect(kernel.held.count == 1, "of \(before): \(kernel.held)") }
    }

    /// Whichever call fails, nothing stays.
    @Test func `nothing stays of a failure`() throws {
        var number = 0
        while true {
            number += 1
            let kernel = FakeKernel()
            kernel.withState { state in
                state.memory.hugePages[Self.page] = [Self.page, 5 * Self.page]
                state.failingCall = number
            }
            let memory = try? PhysicalMemory(size: 2 * Self.page, from: .hugePages(size: Self.page), system: kernel)
            guard let call = kernel.withState({ $0.failedCall }) else { break }
            // Without a pin the pages are held all the same.
            #expect((memory != nil) == (call == "pin"), "\(call)")
            #expect(memory == nil || memory?.pinFailure == .ioError)
            if memory == nil { #expect(kernel.held.isEmpty, "\(call): \(kernel.held)") }
        }
        #expect(number > 5)
    }

    @Test func `pages that cannot be pinned are held`() throws {
        fillPool([1])
        kernel.withState { $0.memory.pinFailure = .noFunction }
        #expect(try take(1).pinFailure == .noFunction)
    }

    @Test func `page that moved is named`() throws {
        fillPool([3, 4, 9])
        let memory = try take(3)
        kernel.withState { $0.memory.moved = [4 * Self.page: 77 * Self.page] }
        #expect(try memory.firstMoved() == 4 * Self.page)
    }

    @Test func `too few pages are counted`() {
        fillPool([1, 2])
        let folder = "/sys/kernel/mm/hugepages/hugepages-2048kB"
        kernel.addFile("\(folder)/free_hugepages", "5\n")
        kernel.addFile("\(folder)/resv_hugepages", "3\n")
        kernel.addFile("\(folder)/nr_hugepages", "10\n")
        let failure = error { () throws(PhysicalMemoryError) in try take(3) }
        #expect(failure == .tooFewPages(size: Self.page, wanted: 3, free: 2, total: 10))
        #expect(
            failure?.description == "RAM needs 3 pages of 2 MiB, and the host has 2 free (\(folder)/free_hugepages)")
        #expect(failure?.remedy?.hasPrefix("run: echo 11 > \(folder)/nr_hugepages\n") == true)
        #expect(kernel.held.isEmpty)
    }

    @Test func `pages that there are not`() {
        #expect(error { () throws(PhysicalMemoryError) in try take(1) } == .noSuchPages(size: Self.page))
        let odd = error { () throws(PhysicalMemoryError) in
            try PhysicalMemory(size: 3 << 20, from: .hugePages(size: Self.page), system: kernel)
        }
        #expect(odd == .notWholePages(size: Self.page))
    }

    @Test func `hidden addresses are an error`() {
        fillPool([1])
        kernel.withState { $0.memory.hidesAddresses = true }
        let failure = error { () throws(PhysicalMemoryError) in try take(1) }
        #expect(failure == .addressesHidden)
        #expect(failure?.description.contains("lacks CAP_SYS_ADMIN") == true)
        #expect(kernel.held.isEmpty)
    }

    @Test func `memory is cleared between guests`() throws {
        fillPool([1, 5])
        let memory = try take(2)
        for bank in memory.banks { bank.mapping.bytes(at: Self.page - 1, count: 1)?[0] = 7 }
        memory.clear()
        for bank in memory.banks { #expect(bank.mapping.bytes(at: Self.page - 1, count: 1)?[0] == 0) }
    }

    // MARK: Heaps

    /// As Linux up to 6.8 has it in pagemap, and later ones in /proc/kcore only.
    @Test(arguments: [false, true]) func `heap is found`(isHidden: Bool) throws {
        kernel.withState { state in
            state.devices.formUnion(["/dev/dma_heap/reserved", "/proc/kcore"])
            state.memory.heaps["reserved"] = (0x4710_0000, 16 << 20)
            state.memory.hidesHeaps = isHidden
        }
        let memory = try take(2, from: .heap("reserved"))

        #expect(memory.banks.map(\.address) == [0x4710_0000])
        // For large blocks in the guest's tables.
        #expect(try memory.firstMoved() == nil)
        #expect(memory.banks.first?.mapping.bytes(at: 0, count: 4096)?.allSatisfy { $0 == 0 } == true)
    }

    @Test func `heap that cannot be had`() {
        kernel.withState { state in
            state.devices.insert("/dev/dma_heap/other")
            state.memory.heaps["other"] = (0x4710_0000, 1 << 20)
        }
        #expect(
            error { () throws(PhysicalMemoryError) in try take(1, from: .heap("linux,cma")) }
                == .noSuchHeap("linux,cma", others: ["other"]))
        #expect(
            error { () throws(PhysicalMemoryError) in try take(1, from: .heap("other")) }
                == .heapIsFull("other", size: Self.page))
        #expect(kernel.held.isEmpty)
    }

    @Test func `heap that nothing shows is refused`() {
        kernel.withState { state in
            state.devices.insert("/dev/dma_heap/other")
            state.memory.heaps["other"] = (0x4710_0000, 16 << 20)
        }
        #expect(
            error { () throws(PhysicalMemoryError) in try take(1, from: .heap("other")) }?.description
                .hasSuffix("and /proc/kcore: ENOENT (No such file or directory)") == true)
        #expect(kernel.held.isEmpty)
    }
}

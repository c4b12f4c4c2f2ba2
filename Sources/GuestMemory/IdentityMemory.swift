// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import LinuxSystem
package import PlatformBus
internal import Synchronization

/// The guest's RAM where devices address the host's physical memory: each piece of it is a bank, at the guest-physical
/// address that is its physical one on the host, so that a device's untranslated DMA lands where the guest means.
///
/// Ownership: the plan has it, for as long as its devices are open. Its content is the guest's while one runs; the plan
/// clears it between two guests.
package final class IdentityMemory: Sendable {
    let memory: PhysicalMemory
    /// The same addresses, to the host and to the guest. In ascending order.
    package let banks: [GuestRange]
    /// Whether a guest has had it. Atomic for want of a `var` in a class that is Sendable: one thread builds machines.
    private let isUsed = Atomic<Bool>(false)

    /// Linux keeps the memory of its device tree in a table of so many entries until it can allocate (mm/memblock.c,
    /// INIT_MEMBLOCK_REGIONS).
    static let bankLimit = 128

    /// Takes RAM from what the user says, or from what is there: the larger the pages the better, and heaps last, since
    /// others may need them more.
    /// - Parameters:
    ///   - heap: the name of a DMA heap; nil without one.
    ///   - hugePageSize: the size of the pages in bytes; nil for any.
    ///   - device: the first one that needs it, for errors.
    /// - Throws: `GuestMemoryError.identityMemory`, `.tooManyBanks`.
    package init(
        mebibytes: Int, heap: String?, hugePageSize: UInt64?, for device: String, system: any SystemCalls
    ) throws(GuestMemoryError) {
        let (byteCount, overflow) = UInt64(clamping: mebibytes).multipliedReportingOverflow(by: 1 << 20)
        var failures: [PhysicalMemoryError] = []
        let sources = Self.sources(heap, hugePageSize)
        var found: PhysicalMemory?
        for source in sources where found == nil && !overflow {
            do throws(PhysicalMemoryError) {
                found = try PhysicalMemory(size: byteCount, from: source, system: system)
            } catch { failures.append(error) }
        }
        guard let memory = found else {
            throw .identityMemory(
                device: device, mebibytes: mebibytes, failures,
                isChoice: heap != nil || hugePageSize != nil)
        }
        let banks = memory.banks.compactMap { GuestRange(base: GuestAddress($0.address), size: $0.mapping.size) }
        guard banks.count == memory.banks.count, banks.count <= Self.bankLimit else {
            throw .tooManyBanks(memory.banks.count, limit: Self.bankLimit)
        }
        self.memory = memory
        self.banks = banks
    }

    private static func sources(_ heap: String?, _ hugePageSize: UInt64?) -> [PhysicalMemory.Source] {
        if let heap { return [.heap(heap)] }
        if let hugePageSize { return [.hugePages(size: hugePageSize)] }
        // The names that the default area of contiguous memory has: drivers/dma-buf/heaps/cma_heap.c, of Linux 6.12 and
        // before.
        return [.hugePages(size: 1 << 30), .hugePages(size: 2 << 20), .heap("linux,cma"), .heap("reserved")]
    }

    /// RAM for a guest: zero, as at a power-on.
    /// - Throws: what `GuestRAM` throws.
    package func guestRAM(isDumped: Bool) throws(GuestMemoryError) -> GuestRAM {
        if isUsed.exchange(true, ordering: .relaxed) { memory.clear() }
        return try GuestRAM(
            zip(banks, memory.banks).map { GuestRAM.Bank(range: $0, mapping: $1.mapping) }, isDumped: isDumped)
    }

    /// Lets go of the memory. A second call does nothing.
    package func close() { memory.close() }

    /// The first address of RAM that isn't what it was; nil when all are.
    /// - Throws: `GuestMemoryError.memoryCheck` when it can't be told.
    package func firstMoved() throws(GuestMemoryError) -> GuestAddress? {
        do { return try memory.firstMoved().map { GuestAddress($0) } } catch { throw .memoryCheck(error) }
    }

    /// What it is, for the report.
    /// - Parameter moved: an address that isn't what it was.
    package func report(moved: GuestAddress? = nil) -> MemoryReport {
        MemoryReport(
            source: memory.source.description, banks: banks.map { .init(address: $0.base.description, size: $0.size) },
            isPinned: memory.pinFailure == nil, notPinned: memory.pinFailure.map { "io_uring: \($0.nameAndText)" },
            moved: moved?.description)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import LinuxSystem
package import PlatformBus
internal import Synchronization

/// The guest's RAM for devices that address the host's physical memory.
///
/// Each piece of it is a bank whose guest-physical address equals its host-physical address, so that a device's
/// untranslated DMA reaches the memory that the guest means.
///
/// Ownership: the plan owns it for as long as its devices are open. Its content belongs to the running guest; the plan
/// clears it between two guests.
package final class IdentityMemory: Sendable {
    let memory: PhysicalMemory
    /// The same addresses for the host and the guest, in ascending order.
    package let banks: [GuestRange]
    /// Whether a guest has used it. Atomic only because a Sendable class can't have a `var`: one thread builds
    /// machines.
    private let isUsed = Atomic<Bool>(false)

    /// Until it can allocate memory, Linux keeps the memory of its device tree in a table of this many entries
    /// (mm/memblock.c, INIT_MEMBLOCK_REGIONS).
    static let bankLimit = 128

    /// Allocates RAM from the configured source, or from an available one: the largest pages first, and heaps last,
    /// because other programs may need them more.
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
        // Names of the default area of contiguous memory: drivers/dma-buf/heaps/cma_heap.c, up to Linux 6.12.
        return [.hugePages(size: 1 << 30), .hugePages(size: 2 << 20), .heap("linux,cma"), .heap("reserved")]
    }

    /// RAM for a guest, filled with zeros as at a power-on.
    /// - Throws: the errors of `GuestRAM`.
    package func guestRAM(isDumped: Bool) throws(GuestMemoryError) -> GuestRAM {
        if isUsed.exchange(true, ordering: .relaxed) { memory.clear() }
        return try GuestRAM(
            zip(banks, memory.banks).map { GuestRAM.Bank(range: $0, mapping: $1.mapping) }, isDumped: isDumped)
    }

    /// Releases the memory. A second call does nothing.
    package func close() { memory.close() }

    /// The first address of RAM that has moved; nil if none has.
    /// - Throws: `GuestMemoryError.memoryCheck` when it can't be checked.
    package func firstMoved() throws(GuestMemoryError) -> GuestAddress? {
        do { return try memory.firstMoved().map { GuestAddress($0) } } catch { throw .memoryCheck(error) }
    }

    /// The facts about the memory, for the report.
    /// - Parameter moved: an address that has moved.
    package func report(moved: GuestAddress? = nil) -> MemoryReport {
        MemoryReport(
            source: memory.source.description, banks: banks.map { .init(address: $0.base.description, size: $0.size) },
            isPinned: memory.pinFailure == nil, notPinned: memory.pinFailure.map { "io_uring: \($0.nameAndText)" },
            moved: moved?.description)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import LinuxSystem
package import PlatformBus

/// The guest's RAM: banks of memory, backed by a memfd or a DMA heap, each at its guest-physical address.
///
/// The loader writes it before the VM runs. From then on it belongs to the guest, and only `InstructionEmulator` reads
/// it.
package final class GuestRAM: Sendable {
    package struct Bank: Sendable {
        package let range: GuestRange
        package let mapping: MemoryMapping

        /// A bank of existing memory.
        package init(range: GuestRange, mapping: MemoryMapping) {
            self.range = range
            self.mapping = mapping
        }
    }

    /// In ascending order, free of overlaps.
    package let banks: [Bank]

    /// - Parameters:
    ///   - hugePageSize: the size of its pages in bytes; nil for ordinary pages.
    ///   - isDumped: whether a core dump of this process contains it, with the guest's secrets.
    /// - Throws: `GuestMemoryError.memory` when the host can't provide that much, or a call fails; `.hugePages`.
    package convenience init(
        _ ranges: [GuestRange], hugePageSize: UInt64? = nil, isDumped: Bool = false, system: any SystemCalls
    ) throws(GuestMemoryError) {
        var banks: [Bank] = []
        for range in ranges {
            if let hugePageSize {
                banks.append(try Self.bank(range, hugePageSize: hugePageSize, system))
                continue
            }
            let file = OwnedDescriptor(
                adopting: try mapError(
                    Self.failed("memfd_create", range),
                    try system.createMemory(name: Self.name, size: range.size)), of: system)
            let raw = file.rawValue
            let mapping = try mapError(
                Self.failed("mmap", range), try MemoryMapping(of: raw, size: range.size, system: system))
            mapping.preferHugePages()
            banks.append(Bank(range: range, mapping: mapping))
        }
        try self.init(banks, isDumped: isDumped)
    }

    /// Creates RAM from existing memory.
    /// - Throws: `GuestMemoryError.memory` when it can't be excluded from core dumps.
    package init(_ banks: [Bank], isDumped: Bool = false) throws(GuestMemoryError) {
        self.banks = banks
        if isDumped { return }
        for bank in banks {
            try mapError(Self.failed("madvise(MADV_DONTDUMP)", bank.range), try bank.mapping.excludeFromCoreDumps())
        }
    }

    /// Adds the call and the size to an errno, for `mapError`.
    private static func failed(_ call: String, _ range: GuestRange) -> (Errno) -> GuestMemoryError {
        { .memory(mebibytes: range.size >> 20, call: call, errno: $0) }
    }

    private static let name = "martlet-guest-ram"

    private static func bank(
        _ range: GuestRange, hugePageSize: UInt64, _ system: any SystemCalls
    ) throws(GuestMemoryError) -> Bank {
        do throws(PhysicalMemoryError) {
            let file = try HugePages.file(name, size: range.size, pageSize: hugePageSize, system: system)
            return Bank(
                range: range,
                mapping: try HugePages.map(
                    file.rawValue, size: range.size, pageSize: hugePageSize, isPopulated: false, system: system))
        } catch { throw .hugePages(mebibytes: range.size >> 20, error) }
    }

    /// The bytes at `address`; nil when they are not all inside one bank.
    package func bytes(at address: GuestAddress, count: UInt64) -> UnsafeMutableRawBufferPointer? {
        for bank in banks where bank.range.contains(address) {
            return bank.mapping.bytes(at: address.rawValue - bank.range.base.rawValue, count: count)
        }
        return nil
    }

    /// Copies `bytes` to `address`; false when they don't fit into one bank.
    package func write(_ bytes: [UInt8], at address: GuestAddress) -> Bool {
        guard let target = self.bytes(at: address, count: UInt64(bytes.count)) else { return false }
        // Safety: the target is inside the bank, which lives as long as self.
        target.copyBytes(from: bytes)
        return true
    }
}

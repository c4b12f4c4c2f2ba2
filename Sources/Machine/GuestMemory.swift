// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import PlatformBus

/// The guest's RAM: banks of memfd-backed memory, each at its guest-physical address.
///
/// Written by the loader before the VM runs; from then on it belongs to the guest, and only `InstructionEmulator` reads it.
final class GuestMemory: Sendable {
    struct Bank: Sendable {
        let range: GuestRange
        let mapping: MemoryMapping
    }

    /// In ascending order, free of overlaps.
    let banks: [Bank]

    /// - Parameter hugePageSize: the pages that it is made of, in bytes; nil for ordinary ones.
    /// - Throws: `MachineError.memory` when the host can't give that much, or a call fails; `.hugePages`.
    init(
        _ ranges: [GuestRange], hugePageSize: UInt64? = nil, system: any SystemCalls
    ) throws(MachineError) {
        var banks: [Bank] = []
        for range in ranges {
            func naming<Result>(
                _ call: String, _ body: () throws(Errno) -> Result
            ) throws(MachineError) -> Result {
                do { return try body() } catch {
                    throw .memory(mebibytes: range.size >> 20, call: call, errno: error)
                }
            }
            if let hugePageSize {
                banks.append(try Self.bank(range, hugePageSize: hugePageSize, system))
                continue
            }
            let file = OwnedDescriptor(
                adopting: try naming("memfd_create") { () throws(Errno) in
                    try system.createMemory(name: Self.name, size: range.size)
                }, of: system)
            let raw = file.rawValue
            let mapping = try naming("mmap") { () throws(Errno) in
                try MemoryMapping(of: raw, size: range.size, system: system)
            }
            mapping.preferHugePages()
            banks.append(Bank(range: range, mapping: mapping))
        }
        self.banks = banks
    }

    /// Memory that there is already.
    init(_ banks: [Bank]) { self.banks = banks }

    private static let name = "martlet-guest-ram"

    private static func bank(
        _ range: GuestRange, hugePageSize: UInt64, _ system: any SystemCalls
    ) throws(MachineError) -> Bank {
        do throws(PhysicalMemoryError) {
            let file = try HugePages.file(name, size: range.size, pageSize: hugePageSize, system: system)
            return Bank(
                range: range,
                mapping: try HugePages.map(
                    file.rawValue, size: range.size, pageSize: hugePageSize, isPopulated: false, system: system))
        } catch { throw .hugePages(mebibytes: range.size >> 20, error) }
    }

    /// The bytes at `address`; nil when they are not all inside one bank.
    func bytes(at address: GuestAddress, count: UInt64) -> UnsafeMutableRawBufferPointer? {
        for bank in banks where bank.range.contains(address) {
            return bank.mapping.bytes(at: address.rawValue - bank.range.base.rawValue, count: count)
        }
        return nil
    }

    /// Copies `bytes` to `address`; false when they don't fit into one bank.
    func write(_ bytes: [UInt8], at address: GuestAddress) -> Bool {
        guard let target = self.bytes(at: address, count: UInt64(bytes.count)) else { return false }
        // Safety: the target is inside the bank, which lives as long as self.
        target.copyBytes(from: bytes)
        return true
    }
}

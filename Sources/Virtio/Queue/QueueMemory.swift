// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import GuestMemory
internal import LinuxSystem

/// The guest's RAM for queues: translates guest-physical addresses to addresses of this process, or throws faults.
///
/// Immutable; it keeps the RAM mapped.
final class QueueMemory: Sendable {
    private struct Bank {
        let base: UInt64
        let size: UInt64
        let host: UInt
    }

    /// In ascending order, without overlaps.
    private let banks: ContiguousArray<Bank>
    private let ram: GuestRAM

    /// How many banks there are.
    var bankCount: Int { banks.count }

    init(_ ram: GuestRAM) {
        self.ram = ram
        banks = ContiguousArray(
            ram.banks.map {
                Bank(base: $0.range.base.rawValue, size: min($0.range.size, $0.mapping.size), host: $0.mapping.address)
            })
    }

    /// The address of `count` bytes in this process; nil when they aren't all in one bank.
    func pointer(_ address: UInt64, count: UInt64) -> UnsafeMutableRawPointer? {
        guard let (host, rest) = place(of: address), count <= rest else { return nil }
        // Safety: the bytes are in the bank, which self keeps mapped.
        return UnsafeMutableRawPointer(bitPattern: host)
    }

    /// Appends the `count` bytes from `address` on to `chain`; they may continue in the next bank.
    /// - Throws: `QueueFault.buffer` when they aren't all in RAM, `.chainLength` when the chain has no room.
    func append(
        _ address: UInt64, count: UInt32, isWritable: Bool, to chain: inout DescriptorChain
    ) throws(QueueFault) {
        var (next, left) = (address, UInt64(count))
        while left > 0 {
            guard let (host, rest) = place(of: next) else { throw .buffer(address: address, count: count) }
            let part = min(left, rest)
            try chain.append(MemorySegment(address: host, count: Int(part)), isWritable: isWritable)
            left -= part
            let (behind, overflow) = next.addingReportingOverflow(part)
            if overflow, left > 0 { throw .buffer(address: address, count: count) }
            next = behind
        }
    }

    /// The address in this process, and the number of bytes from there to the end of the bank, at least one.
    @inline(__always)
    private func place(of address: UInt64) -> (host: UInt, rest: UInt64)? {
        for bank in banks {
            // For an address below the bank, this wraps around to a large number.
            let offset = address &- bank.base
            if offset < bank.size { return (bank.host &+ UInt(offset), bank.size &- offset) }
        }
        return nil
    }
}

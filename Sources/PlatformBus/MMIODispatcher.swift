// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Synchronization

/// A guest access that no device handles.
public struct UnclaimedAccess: Sendable, Equatable {
    /// The first byte's address.
    public let address: GuestAddress
    /// The width of the access.
    public let width: AccessWidth
    /// Whether it is a store; otherwise it is a load.
    public let isWrite: Bool
    /// Whether the limit of reports is reached: accesses to further pages are only counted.
    public let isLastReport: Bool
}

/// Passes each trapped access of the guest to its device.
///
/// It is immutable except for its counters, so that vCPU threads share it without a lock. An access costs one binary
/// search and the device's own work. An access outside all regions, or across the end of one, reads as zero or is
/// dropped, and counts as unclaimed.
public final class MMIODispatcher: Sendable {
    /// The number of pages whose unclaimed accesses are reported. Reported pages are remembered, so without a limit a
    /// guest that touches millions of pages would fill the process's memory and its log.
    public static let reportedPageLimit = 64

    private struct Entry {
        let base: UInt64
        let last: UInt64
        let device: any MMIODevice
    }

    /// Sorted by address, without overlaps.
    private let entries: ContiguousArray<Entry>
    private let report: @Sendable (UnclaimedAccess) -> Void

    private let reads = Atomic<UInt64>(0)
    private let writes = Atomic<UInt64>(0)
    /// Set when `reportedPages` is full: then an unclaimed access takes no lock.
    private let reportsExhausted = Atomic<Bool>(false)
    /// The numbers of the pages that were reported; at most `reportedPageLimit`. Owned by the dispatcher; the lock
    /// isn't held while `report` runs.
    private let reportedPages = Mutex<[UInt64]>([])

    /// Creates a dispatcher. `attachments` must be sorted by address, without overlaps.
    init(_ attachments: [BusMap.Attachment], unclaimed: @escaping @Sendable (UnclaimedAccess) -> Void) {
        entries = ContiguousArray(
            attachments.map {
                Entry(base: $0.range.base.rawValue, last: $0.range.last.rawValue, device: $0.device)
            })
        report = unclaimed
    }

    /// The number of loads so far that no device handled.
    public var unclaimedReads: UInt64 { reads.load(ordering: .relaxed) }

    /// The number of stores so far that no device handled.
    public var unclaimedWrites: UInt64 { writes.load(ordering: .relaxed) }

    /// Performs a guest's load; returns the little-endian value, zero-extended.
    public func read(_ address: GuestAddress, _ width: AccessWidth) -> UInt64 {
        guard let index = entry(at: address.rawValue, width) else {
            noteUnclaimed(address, width, isWrite: false)
            return 0
        }
        let value = entries[index].device.read(offset: address.rawValue &- entries[index].base, width: width)
        return value & width.mask
    }

    /// Performs a guest's store; bits of `value` beyond `width` are ignored.
    public func write(_ address: GuestAddress, _ width: AccessWidth, _ value: UInt64) {
        guard let index = entry(at: address.rawValue, width) else {
            noteUnclaimed(address, width, isWrite: true)
            return
        }
        entries[index].device.write(
            offset: address.rawValue &- entries[index].base, width: width, value: value & width.mask)
    }

    /// Whether one region contains all of `range`.
    ///
    /// It costs as much as an access, and counts nothing.
    public func hasRegion(containing range: GuestRange) -> Bool {
        guard let index = entry(at: range.base.rawValue, .byte) else { return false }
        return entries[index].last >= range.last.rawValue
    }

    /// Reports an access that the hardware hadn't described to the device at `address`, if there is one.
    public func note(_ access: UndescribedAccess, at address: GuestAddress) {
        guard let index = entry(at: address.rawValue, .byte) else { return }
        entries[index].device.note(access)
    }

    /// The index of the region that contains the whole access.
    @inline(__always)
    private func entry(at address: UInt64, _ width: AccessWidth) -> Int? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low &+ high) >> 1
            if entries[middle].last < address { low = middle &+ 1 } else { high = middle }
        }
        // `low` is now the first region that doesn't end below the access. Nothing is added to the guest's address,
        // which may be the highest possible.
        guard low < entries.count, entries[low].base <= address,
            entries[low].last &- address >= width.bytes &- 1
        else { return nil }
        return low
    }

    @inline(never)
    private func noteUnclaimed(_ address: GuestAddress, _ width: AccessWidth, isWrite: Bool) {
        if isWrite {
            writes.wrappingAdd(1, ordering: .relaxed)
        } else {
            reads.wrappingAdd(1, ordering: .relaxed)
        }
        if reportsExhausted.load(ordering: .relaxed) { return }
        let page = address.rawValue >> 12
        let count: Int? = reportedPages.withLock { pages in
            guard pages.count < Self.reportedPageLimit, !pages.contains(page) else { return nil }
            pages.append(page)
            return pages.count
        }
        guard let count else { return }
        let isLast = count == Self.reportedPageLimit
        if isLast { reportsExhausted.store(true, ordering: .relaxed) }
        report(UnclaimedAccess(address: address, width: width, isWrite: isWrite, isLastReport: isLast))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// The memory slots through which the guest accesses a device's mapped regions.
///
/// The eventfd path removes some of them while an interrupt is active.
///
/// Ownership: `pieces` is guarded by its lock; below it comes only the lock of the VM's slot numbers.
final class MappedRegions: Sendable {
    /// Whole pages of a region.
    private struct Piece {
        let region: VFIORegionMapping
        /// The region's address in the guest.
        let base: UInt64
        /// In bytes from the region's base.
        let part: Range<UInt64>
        /// Whether `unmap` removes it.
        var isRemovable: Bool
        /// Nil while it is unmapped.
        var slot: MemorySlot?
    }

    private let vm: VirtualMachine
    private let device: String
    private let pieces: Mutex<[Piece]>
    let isEmpty: Bool

    /// Maps every region of `device` that can be mapped.
    /// - Throws: `PassthroughError`; nothing stays mapped then.
    init(_ device: PlacedDevice, vm: VirtualMachine) throws(PassthroughError) {
        self.vm = vm
        self.device = device.name
        isEmpty = !device.regions.contains(where: \.isMapped)
        pieces = Mutex([])
        // From here on a throw runs deinit.
        for region in device.regions where region.isMapped {
            let mapping = try mapError(PassthroughError.vfio, try device.device.map(region.info))
            let piece = Piece(
                region: mapping, base: region.range.base.rawValue, part: 0..<region.info.size, isRemovable: true)
            try pieces.withLock { (pieces) throws(PassthroughError) in
                pieces.append(piece)
                try Self.map(&pieces[pieces.count - 1], vm, device.name)
            }
        }
    }

    /// The host's mapping of each region, and its address in the guest.
    var mappings: [(address: UInt64, mapping: VFIORegionMapping)] {
        pieces.withLock { pieces in pieces.filter { $0.part.lowerBound == 0 }.map { ($0.base, $0.region) } }
    }

    /// Takes everything from the guest and unmaps it, newest first: for each piece the slot, then the share of the
    /// mapping. A second call does nothing.
    func release() {
        pieces.withLock { pieces in
            while !pieces.isEmpty {
                pieces[pieces.count - 1].slot = nil
                pieces.removeLast()
            }
        }
    }

    deinit { release() }

    /// Restricts `unmap` to the pages of `range`; all others stay mapped from now on.
    /// - Parameter pageSize: the host's, in bytes.
    /// - Throws: `PassthroughError`; all regions are then mapped as before, as far as the kernel allows.
    func keepMapped(except range: EndOfInterrupt, pageSize: UInt64) throws(PassthroughError) {
        try pieces.withLock { (pieces) throws(PassthroughError) in
            var result: [Piece] = []
            for index in pieces.indices {
                guard pieces[index].region.region.index == range.region else {
                    var piece = pieces[index]
                    piece.isRemovable = false
                    result.append(piece)
                    continue
                }
                // Before the piece is copied: the last holder of a slot removes it.
                try Self.unmap(&pieces[index], device)
                let piece = pieces[index]
                // The range lies in the region, whose size is a multiple of the page size, so nothing here overflows.
                let first = range.offset / pageSize * pageSize
                let last = (range.offset + range.length - 1) / pageSize * pageSize
                let end = min(last + pageSize, piece.part.upperBound)
                for part in [0..<first, first..<end, end..<piece.part.upperBound] where !part.isEmpty {
                    var new = Piece(
                        region: piece.region, base: piece.base, part: part, isRemovable: part.lowerBound == first)
                    do throws(PassthroughError) { try Self.map(&new, vm, device) } catch {
                        for index in result.indices where result[index].region === piece.region {
                            result[index].slot = nil
                        }
                        try Self.map(&pieces[index], vm, device)
                        throw error
                    }
                    result.append(new)
                }
            }
            pieces = result
        }
    }

    /// Takes the removable pieces from the guest: its accesses to them trap from now on.
    /// - Throws: for the first piece that the kernel refuses to remove. That piece and the rest stay mapped; call it
    ///   again.
    func unmap() throws(PassthroughError) {
        try pieces.withLock { (pieces) throws(PassthroughError) in
            for index in pieces.indices.reversed() where pieces[index].isRemovable {
                try Self.unmap(&pieces[index], device)
            }
        }
    }

    /// Maps again what `unmap` removed.
    /// - Throws: for the first piece that the kernel refuses. That piece and the rest stay trapped, which is slower but
    ///   works.
    func map() throws(PassthroughError) {
        try pieces.withLock { (pieces) throws(PassthroughError) in
            for index in pieces.indices where pieces[index].slot == nil { try Self.map(&pieces[index], vm, device) }
        }
    }

    private static func unmap(_ piece: inout Piece, _ device: String) throws(PassthroughError) {
        guard let slot = piece.slot else { return }
        try mapError(PassthroughError.kvm(device), try slot.remove())
        piece.slot = nil
    }

    private static func map(_ piece: inout Piece, _ vm: VirtualMachine, _ device: String) throws(PassthroughError) {
        let part = piece.part
        // Nil only during the region's `deinit`, and the piece has a share of it.
        guard let memory = piece.region.memory else { return }
        let address = piece.base + part.lowerBound
        piece.slot = try mapError(
            PassthroughError.kvm(device), try MemorySlot(vm, at: address, mapping: memory, part: part))
    }
}

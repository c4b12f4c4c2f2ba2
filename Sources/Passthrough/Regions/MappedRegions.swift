// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// The memory slots through which the guest reaches a device's mapped regions, some of which come and go: the eventfd
/// path takes them away while an interrupt is active.
///
/// Ownership: `pieces` is guarded by its lock, below which is only the VM's list of slot numbers.
final class MappedRegions: Sendable {
    /// Whole pages of a region.
    private struct Piece {
        let region: VFIORegionMapping
        /// The region's address in the guest.
        let base: UInt64
        /// In bytes from the region's base.
        let part: Range<UInt64>
        /// Whether `unmap` takes it.
        var isRemovable: Bool
        /// nil while it is unmapped.
        var slot: MemorySlot?
    }

    private let vm: VirtualMachine
    private let device: String
    private let pieces: Mutex<[Piece]>
    let isEmpty: Bool

    /// Maps every region of `device` that can be.
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

    /// The host's mapping of each region and its address in the guest.
    var mappings: [(address: UInt64, mapping: VFIORegionMapping)] {
        pieces.withLock { pieces in pieces.filter { $0.part.lowerBound == 0 }.map { ($0.base, $0.region) } }
    }

    /// Takes everything from the guest and unmaps it, newest first: of each piece the slot, then the share of the
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

    /// From now on only the pages that hold `range` come and go; all else stays mapped.
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
                // Before the copy is made: a slot goes with the last that holds it.
                try Self.unmap(&pieces[index], device)
                let piece = pieces[index]
                // The range lies in the region, whose size is whole pages: none of this overflows.
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
    /// - Throws: for the first piece that the kernel won't remove; it and the rest stay mapped, and it can be tried
    ///   again.
    func unmap() throws(PassthroughError) {
        try pieces.withLock { (pieces) throws(PassthroughError) in
            for index in pieces.indices.reversed() where pieces[index].isRemovable {
                try Self.unmap(&pieces[index], device)
            }
        }
    }

    /// Gives back what `unmap` took.
    /// - Throws: for the first piece that the kernel refuses; it and the rest stay trapped, which is slower but works.
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
        // Nil only while the region goes, and the piece has a share of it.
        guard let memory = piece.region.memory else { return }
        let address = piece.base + part.lowerBound
        piece.slot = try mapError(
            PassthroughError.kvm(device), try MemorySlot(vm, at: address, mapping: memory, part: part))
    }
}

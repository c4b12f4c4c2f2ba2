// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices
internal import LinuxSystem
internal import PlatformBus
internal import VFIO

/// The addresses that a device's DMA reaches without an IOMMU, from the `dma-ranges` of the buses above it.
///
/// - SeeAlso: Devicetree Specification v0.4, 2.3.9 dma-ranges
enum DMAWindows {
    /// Checks that the device reaches each of `banks` at the address that the CPU uses.
    /// - Throws: `PassthroughError.translatingBus`, `.memoryOutOfReach`.
    static func check(_ host: HostDevice, reaches banks: [GuestRange], _ sysfs: Sysfs) throws(PassthroughError) {
        guard let node = host.deviceTreeNode else { return }
        let tree = HostTree(sysfs)
        var bus = tree.parent(of: node)
        while let current = bus {
            let parent = tree.parent(of: current)
            if let parent, let value = tree.value("dma-ranges", of: current), !value.bytes.isEmpty {
                let windows = try windows(value, of: current, below: parent, tree, host.name)
                for bank in banks where !windows.contains(where: { $0.contains(bank) }) {
                    throw .memoryOutOfReach(device: host.name, memory: bank, bus: tree.path(current))
                }
            }
            bus = parent
        }
    }

    private static func windows(
        _ value: PropertyValue, of bus: String, below parent: String, _ tree: HostTree, _ device: String
    ) throws(PassthroughError) -> [GuestRange] {
        let own = tree.cellCounts(of: bus)
        let parentCells = tree.cellCounts(of: parent).address
        // With entries of no bytes, the loop would never end.
        guard own.address > 0, parentCells > 0 else { return [] }
        var windows: [GuestRange] = []
        var reader = value.reader
        while let child = reader.number(cellCount: own.address), let base = reader.number(cellCount: parentCells),
            let size = reader.number(cellCount: own.size)
        {
            guard child == base else { throw .translatingBus(device: device, bus: tree.path(bus)) }
            if let window = GuestRange(base: GuestAddress(base), size: size) { windows.append(window) }
        }
        return windows
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import LinuxSystem
internal import VFIO

/// Where a device's regions are on the host.
enum HostAddresses {
    /// One entry of a `reg` property.
    struct Block: Equatable {
        /// The CPU's address; nil where it can't be told.
        var address: UInt64?
        /// In bytes.
        let size: UInt64
    }

    /// The CPU address of each region, through the `ranges` of every bus above it; nil where that can't be told.
    ///
    /// VFIO numbers a platform device's regions as its `reg` entries, but doesn't say where they are.
    static func regions(of host: HostDevice, count: Int, sysfs: Sysfs) -> [UInt64?] {
        let unknown = [UInt64?](repeating: nil, count: count)
        guard let node = host.deviceTreeNode else { return unknown }
        let addresses = blocks(of: node, properties: HostProperties(system: sysfs.system)).prefix(count).map(\.address)
        return addresses + unknown.dropFirst(addresses.count)
    }

    /// The entries of a node's `reg`.
    /// - SeeAlso: Devicetree Specification v0.4, 2.3.6 reg, 2.3.8 ranges
    static func blocks(of node: String, properties: HostProperties) -> [Block] {
        guard var bus = HostProperties.parent(of: node), let value = properties.value("reg", of: node) else {
            return []
        }
        let cells = properties.cellCounts(of: bus)
        // Entries without a byte would go on for ever.
        guard cells.address > 0 else { return [] }
        var blocks: [Block] = []
        var reader = value.reader
        while let address = reader.number(cellCount: cells.address), let size = reader.number(cellCount: cells.size) {
            blocks.append(Block(address: address, size: size))
        }
        // The root has no ranges: its addresses are the CPU's.
        while let parent = HostProperties.parent(of: bus) {
            for index in blocks.indices {
                blocks[index].address = blocks[index].address.flatMap {
                    translate($0, through: bus, below: parent, properties)
                }
            }
            bus = parent
        }
        return blocks
    }

    private static func translate(
        _ address: UInt64, through bus: String, below parent: String, _ properties: HostProperties
    ) -> UInt64? {
        guard let ranges = properties.value("ranges", of: bus) else { return nil }
        if ranges.bytes.isEmpty { return address }
        let own = properties.cellCounts(of: bus)
        let parentCells = properties.cellCounts(of: parent).address
        guard own.address &+ own.size &+ parentCells > 0 else { return nil }
        var reader = ranges.reader
        while let child = reader.number(cellCount: own.address), let base = reader.number(cellCount: parentCells),
            let size = reader.number(cellCount: own.size)
        {
            if address >= child, address - child < size {
                let (result, overflow) = base.addingReportingOverflow(address - child)
                return overflow ? nil : result
            }
        }
        return nil
    }
}

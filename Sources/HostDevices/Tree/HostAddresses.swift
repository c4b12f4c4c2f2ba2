// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import DeviceTree
package import LinuxSystem

/// The addresses of a device's regions on the host.
package enum HostAddresses {
    /// One entry of a `reg` property.
    package struct Block: Equatable {
        /// The address that the CPU uses; nil when it can't be determined.
        package var address: UInt64?
        /// In bytes.
        package let size: UInt64
    }

    /// The CPU address of each region, through the `ranges` of every bus above it; nil when it can't be determined.
    ///
    /// VFIO numbers a platform device's regions like the entries of `reg`, but doesn't report their addresses.
    package static func regions(of host: HostDevice, count: Int, sysfs: Sysfs) -> [UInt64?] {
        let unknown = [UInt64?](repeating: nil, count: count)
        guard let node = host.deviceTreeNode else { return unknown }
        let addresses = blocks(of: node, tree: HostTree(sysfs)).prefix(count).map(\.address)
        return addresses + unknown.dropFirst(addresses.count)
    }

    /// The entries of the `reg` of the node at `folder`.
    /// - SeeAlso: Devicetree Specification v0.4, 2.3.6 reg, 2.3.8 ranges
    package static func blocks(of folder: String, tree: HostTree) -> [Block] {
        guard var bus = tree.parent(of: folder), let value = tree.value("reg", of: folder) else { return [] }
        let cells = tree.cellCounts(of: bus)
        // With entries of no bytes, the loop would never end.
        guard cells.address > 0 else { return [] }
        var blocks: [Block] = []
        var reader = value.reader
        while let address = reader.number(cellCount: cells.address), let size = reader.number(cellCount: cells.size) {
            blocks.append(Block(address: address, size: size))
        }
        // The root has no ranges: its addresses are the CPU's.
        while let parent = tree.parent(of: bus) {
            for index in blocks.indices {
                blocks[index].address = blocks[index].address.flatMap {
                    translate($0, through: bus, below: parent, tree)
                }
            }
            bus = parent
        }
        return blocks
    }

    private static func translate(
        _ address: UInt64, through bus: String, below parent: String, _ tree: HostTree
    ) -> UInt64? {
        guard let ranges = tree.value("ranges", of: bus) else { return nil }
        if ranges.bytes.isEmpty { return address }
        let own = tree.cellCounts(of: bus)
        let parentCells = tree.cellCounts(of: parent).address
        // With entries of no bytes, the loop would never end.
        guard own.address > 0 || own.size > 0 || parentCells > 0 else { return nil }
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

extension HostTree {
    /// The value of a property; nil if there is none, or it can't be read.
    package func value(_ name: String, of folder: String) -> PropertyValue? { try? property(name, of: folder) }

    /// The node's `#address-cells` and `#size-cells` for its children.
    package func cellCounts(of folder: String) -> CellCounts {
        CellCounts(
            address: value("#address-cells", of: folder)?.cell.map(Int.init) ?? CellCounts.unspecified.address,
            size: value("#size-cells", of: folder)?.cell.map(Int.init) ?? CellCounts.unspecified.size)
    }
}

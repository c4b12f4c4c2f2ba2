// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import LinuxSystem
internal import VFIO

/// Where a device's regions are on the host.
enum HostAddresses {
    /// The CPU address of each `reg` entry, through the `ranges` of every bus above it; nil where that can't be told.
    ///
    /// VFIO numbers a platform device's regions as its `reg` entries, but doesn't say where they are.
    /// - SeeAlso: Devicetree Specification v0.4, 2.3.6 reg, 2.3.8 ranges
    static func regions(of host: HostDevice, count: Int, sysfs: Sysfs) -> [UInt64?] {
        let unknown = [UInt64?](repeating: nil, count: count)
        guard let path = host.deviceTreeNode, let own = node(path, sysfs),
            var parentPath = parent(of: path), var bus = node(parentPath, sysfs)
        else { return unknown }
        let cells = counts(of: bus)
        guard let value = own[property: "reg"] else { return unknown }
        var addresses: [UInt64?] = []
        var reader = value.reader
        while addresses.count < count, let address = reader.number(cellCount: cells.address),
            reader.number(cellCount: cells.size) != nil
        {
            addresses.append(address)
        }
        // The root has no ranges: its addresses are the CPU's.
        while let grandparentPath = parent(of: parentPath), let grandparent = node(grandparentPath, sysfs) {
            addresses = addresses.map { $0.flatMap { translate($0, through: bus, below: grandparent) } }
            bus = grandparent
            parentPath = grandparentPath
        }
        return addresses + unknown.dropFirst(addresses.count)
    }

    private static func translate(_ address: UInt64, through bus: Node, below parent: Node) -> UInt64? {
        guard let ranges = bus[property: "ranges"] else { return nil }
        if ranges.bytes.isEmpty { return address }
        let own = counts(of: bus)
        let parentCells = counts(of: parent).address
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

    private static func counts(of node: Node) -> CellCounts {
        CellCounts(
            address: node[property: "#address-cells"]?.cell.map(Int.init) ?? CellCounts.unspecified.address,
            size: node[property: "#size-cells"]?.cell.map(Int.init) ?? CellCounts.unspecified.size)
    }

    private static func node(_ path: String, _ sysfs: Sysfs) -> Node? {
        do { return try Node(directory: path, named: "", descending: false, system: sysfs.system) } catch { return nil }
    }

    /// The folder above, or nil above the tree's root, which is called "base".
    private static func parent(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/"), !path.hasSuffix("/base") else { return nil }
        return String(path[..<slash])
    }
}

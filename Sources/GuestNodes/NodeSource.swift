// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices
internal import PlatformBus

/// The host's node of a device, without the parts that the guest can't have: children out of reach, and the user's
/// deletions.
struct NodeSource {
    let request: NodeRequest
    /// Whether the host has a node for it.
    private(set) var isOnHost = false
    /// The node on the host without these parts; empty if the host has none.
    private(set) var node = Node("")
    /// The guest's value of `ranges`.
    private(set) var ranges: PropertyValue?
    private(set) var fates: [PropertyFate] = []
    /// The nodes that lost children, as paths below the device's node.
    private(set) var thinned: Set<String> = []

    /// Whether it is a bridge to a PCI bus.
    /// - SeeAlso: Devicetree Specification v0.4, 2.3.11; IEEE Std 1275 PCI bus binding, 2.1.2
    var isPCIBridge: Bool { node[property: "device_type"]?.string == "pci" }

    /// - Parameter others: The other passed-through devices, by the folders of their nodes.
    init(_ request: NodeRequest, tree: HostTree, others: [String: String]) throws(DeviceTreeError) {
        self.request = request
        guard let folder = request.path, let found = try tree.node(at: folder) else { return }
        isOnHost = true
        var node = found
        for deletion in request.settings.deletions {
            delete(deletion.split(separator: "/")[...], from: &node, place: "")
        }
        removeDevices(others, from: &node, folder: folder, place: "")
        if node[property: "ranges"] != nil {
            ranges = try bus(of: &node, tree: tree, folder: folder)
        }
        self.node = node
    }

    // MARK: The user's deletions

    private mutating func delete(_ path: ArraySlice<Substring>, from node: inout Node, place: String) {
        guard let name = path.first else { return }
        let child = node.children.firstIndex { $0.name == name }
        guard path.count == 1 else {
            if let child {
                delete(path.dropFirst(), from: &node.children[child], place: Self.join(place, String(name)))
            }
            return
        }
        if let child {
            drop(child, of: &node, place: place, .configuration)
            return
        }
        let names = node.properties.map(\.name).filter { property in
            property == name || PropertyRole.owner(ofNames: property).map { $0 == name } == true
        }
        for property in names {
            node[property: property] = nil
            fates.append(
                PropertyFate(
                    node: place, property: property, fate: .dropped,
                    cause: property == name ? .configuration : .goesWith(String(name))))
        }
    }

    private mutating func drop(_ child: Int, of node: inout Node, place: String, _ cause: PropertyFate.Cause) {
        let path = Self.join(place, node.children[child].name)
        fates.append(PropertyFate(node: path, property: "", fate: .dropped, cause: cause))
        thinned.insert(place)
        node.children.remove(at: child)
    }

    /// The path of a child below the device's node.
    static func join(_ place: String, _ child: String) -> String { place.isEmpty ? child : "\(place)/\(child)" }

    // MARK: Children that are other devices, or out of reach

    private mutating func removeDevices(
        _ others: [String: String], from node: inout Node, folder: String, place: String
    ) {
        if others.isEmpty { return }
        for index in node.children.indices.reversed() {
            let name = node.children[index].name
            if let device = others["\(folder)/\(name)"] {
                drop(index, of: &node, place: place, .ownDevice(device))
            } else {
                removeDevices(
                    others, from: &node.children[index], folder: "\(folder)/\(name)", place: Self.join(place, name))
            }
        }
    }

    /// Finds the guest's part of the bus of a device with `ranges`, whose addresses are CPU addresses too. The guest
    /// sees the part inside the device's regions; children elsewhere are dropped.
    /// - Returns: the guest's `ranges`; nil if no part of the bus is left.
    /// - SeeAlso: Devicetree Specification v0.4, 2.3.8
    private mutating func bus(
        of node: inout Node, tree: HostTree, folder: String
    ) throws(DeviceTreeError) -> PropertyValue? {
        let pieces = try pieces(of: node, tree: tree, folder: folder)
        let counts = pieces.isEmpty ? nil : try node.cellCounts()
        for index in node.children.indices.reversed() {
            guard let value = node.children[index][property: "reg"] else { continue }
            let blocks = counts.flatMap { value.registerBlocks(counts: $0) } ?? []
            let isInReach = blocks.allSatisfy { block in
                pieces.contains { piece in
                    block.address >= piece.child && block.size <= piece.size
                        && block.address - piece.child <= piece.size - block.size
                }
            }
            if blocks.isEmpty || !isInReach { drop(index, of: &node, place: "", .outOfReach) }
        }
        guard let counts else { return nil }
        return try .ranges(pieces, counts: counts, parentAddressCells: 2)
    }

    /// The parts of the bus inside the device's regions.
    private func pieces(of node: Node, tree: HostTree, folder: String) throws(DeviceTreeError) -> [BusRange] {
        guard let parent = tree.parent(of: folder), let value = node[property: "ranges"] else { return [] }
        let own = try node.cellCounts()
        let outer = CellCounts(
            address: try tree.property("#address-cells", of: parent)?.cell.map(Int.init(truncatingIfNeeded:))
                ?? CellCounts.unspecified.address,
            size: try tree.property("#size-cells", of: parent)?.cell.map(Int.init(truncatingIfNeeded:))
                ?? CellCounts.unspecified.size)
        guard let blocks = node[property: "reg"]?.registerBlocks(counts: outer) else { return [] }
        let windows = zip(request.regionIndices, request.regions).compactMap { index, region in
            blocks.indices.contains(index)
                ? BusRange(
                    child: blocks[index].address, parent: region.base.rawValue,
                    size: min(blocks[index].size, region.size)) : nil
        }
        if value.bytes.isEmpty { return windows.filter { $0.size > 0 } }
        var pieces: [BusRange] = []
        var reader = value.reader
        // Addresses of three cells (PCI) can't be read, so they give no piece.
        while let child = reader.number(cellCount: own.address), let base = reader.number(cellCount: outer.address),
            let size = reader.number(cellCount: own.size), own.address + outer.address + own.size > 0
        {
            for window in windows {
                let range = BusRange(child: child, parent: base, size: size)
                if let piece = Self.piece(of: range, in: window) { pieces.append(piece) }
            }
            if pieces.count > 64 { return [] }
        }
        return pieces
    }

    /// The part of a bus's range inside a window. `range.parent` and `window.child` are addresses of the host;
    /// `window.parent` is the window's address in the guest.
    private static func piece(of range: BusRange, in window: BusRange) -> BusRange? {
        let (rangeEnd, overflow) = range.parent.addingReportingOverflow(range.size)
        let (windowEnd, windowOverflow) = window.child.addingReportingOverflow(window.size)
        if overflow || windowOverflow { return nil }
        let start = max(range.parent, window.child)
        let end = min(rangeEnd, windowEnd)
        guard start < end else { return nil }
        let (child, childOverflow) = range.child.addingReportingOverflow(start - range.parent)
        let (guest, guestOverflow) = window.parent.addingReportingOverflow(start - window.child)
        return childOverflow || guestOverflow ? nil : BusRange(child: child, parent: guest, size: end - start)
    }

    // MARK: Numbers that may be references

    /// Reserves copied numbers, so that they aren't allocated as phandles. If one is a phandle of the host after all
    /// (of a node that was added after the boot), it then has no target in the guest. A failed lookup is better than a
    /// wrong node.
    func reserveNumbers(_ shared: inout SharedNodes) { Self.reserveNumbers(node, &shared) }

    private static func reserveNumbers(_ node: Node, _ shared: inout SharedNodes) {
        for property in node.properties where property.value.bytes.count % 4 == 0 {
            if property.name == "reg" || property.name == "interrupts" { continue }
            var reader = property.value.reader
            while let cell = reader.cell() {
                guard let phandle = Phandle(rawValue: cell), shared.mayHandOut(phandle) else { continue }
                if PropertyRole(property.name) != .unknown { break }
                shared.reserve(phandle)
            }
        }
        for child in node.children { reserveNumbers(child, &shared) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// The nodes of the host that the guest gets, with all nodes below them.
struct PassedNodes {
    private var folders: [Phandle: String] = [:]
    /// The phandles of the guest's copies that are referred to.
    private(set) var guestPhandles: [String: Phandle] = [:]

    /// Adds a node and all nodes below it. If two nodes have the same phandle, the first one counts.
    mutating func add(_ node: Node, _ folder: String) {
        if let phandle = node.phandle, folders[phandle] == nil { folders[phandle] = folder }
        for child in node.children { add(child, "\(folder)/\(child.name)") }
    }

    /// The folder of the node with a phandle of the host, if the guest gets the node.
    func folder(of phandle: Phandle) -> String? { folders[phandle] }

    /// Whether one of a value's cells may be the phandle of such a node.
    func mayContain(_ value: PropertyValue) -> Bool {
        if folders.isEmpty { return false }
        var reader = value.reader
        while let cell = reader.cell() {
            if let phandle = Phandle(rawValue: cell), folders[phandle] != nil { return true }
        }
        return false
    }

    /// Whether all of a value's cells are phandles of such nodes.
    func contains(allOf value: PropertyValue) -> Bool {
        guard !folders.isEmpty, !value.bytes.isEmpty, value.bytes.count % 4 == 0 else { return false }
        var reader = value.reader
        while let cell = reader.cell() {
            guard let phandle = Phandle(rawValue: cell), folders[phandle] != nil else { return false }
        }
        return true
    }

    /// The phandle of the guest's copy of `folder`.
    mutating func guestPhandle(of folder: String, _ shared: inout SharedNodes) throws(DeviceTreeError) -> Phandle {
        if let known = guestPhandles[folder] { return known }
        let phandle = try shared.allocate()
        guestPhandles[folder] = phandle
        return phandle
    }

    /// Writes the phandles into the copies.
    func label(_ node: inout Node, _ folder: String) {
        if guestPhandles.isEmpty { return }
        if let phandle = guestPhandles[folder] { node.phandle = phandle }
        for index in node.children.indices {
            label(&node.children[index], "\(folder)/\(node.children[index].name)")
        }
    }
}

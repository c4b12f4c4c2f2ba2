// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import Foundation

/// The device tree of a board, and what dtc says of the phandles in it.
struct Board {
    /// A node that Linux, or its parent's driver, makes a device of.
    struct Device {
        let path: String
        let node: Node
    }

    let name: String
    let tree: Tree
    /// `/__local_fixups__`: below it the tree's nodes again, each property holding the offsets of the phandles in the
    /// property of its name. Made by `dtc -L`.
    let fixups: Node?

    init(_ file: URL, name: String) throws {
        self.name = name
        var tree = try Tree(parsing: [UInt8](try Data(contentsOf: file)), limits: .ofHosts)
        fixups = tree.root.removeChild(named: "__local_fixups__")
        tree.root.removeChild(named: "__fixups__")
        self.tree = tree
    }

    /// The indices of the cells of a property that are phandles.
    func references(_ property: String, ofNodeAt path: String) -> [Int] {
        guard let cells = fixups?.node(at: path)?[property: property]?.cells else { return [] }
        return cells.map { Int($0) / 4 }
    }

    /// Nodes with registers or interrupts on buses that Linux walks through by itself (drivers/of/platform.c,
    /// of_default_bus_match_table), and below other nodes whose drivers may do so.
    var devices: [Device] {
        var devices: [Device] = []
        visit(tree.root, "", &devices)
        return devices
    }

    private static let noDevices: Set<String> = [
        "aliases", "chosen", "cpus", "firmware", "memory", "reserved-memory", "thermal-zones", "__symbols__",
    ]

    private func visit(_ parent: Node, _ path: String, _ devices: inout [Device]) {
        for child in parent.children where !Self.isDisabled(child) {
            if path.isEmpty, Self.noDevices.contains(String(child.baseName)) { continue }
            let childPath = "\(path)/\(child.name)"
            let compatible = child[property: "compatible"]?.strings ?? []
            let hasResources = ["reg", "interrupts", "interrupts-extended"].contains { child[property: $0] != nil }
            if !compatible.isEmpty, hasResources { devices.append(Device(path: childPath, node: child)) }
            if compatible.contains("arm,primecell") { continue }
            let isBus = compatible.contains { ["simple-bus", "simple-mfd", "isa", "arm,amba-bus"].contains($0) }
            let isPCI = child[property: "device_type"]?.string == "pci"
            if isBus || (child[property: "ranges"] != nil && !isPCI) { visit(child, childPath, &devices) }
        }
    }

    private static func isDisabled(_ node: Node) -> Bool {
        guard let status = node[property: "status"]?.string else { return false }
        return status != "okay" && status != "ok"
    }
}

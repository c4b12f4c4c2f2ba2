// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// A device tree of the user's that the generated one is merged into (`device-tree.base`).
///
/// Its nodes and properties stay, save those that describe what Martlet alone can know: memory, cpus, psci, the timer, the
/// interrupt controller, and what /chosen says of the boot. Where both trees have a node, Martlet's properties count.
struct BaseTree: Sendable {
    let file: TreeFile
    private var tree: DeviceTree
    /// Paths of the nodes that were Martlet's to write.
    private(set) var replacedNodes: [String] = []
    /// Hands out what the tree has nowhere.
    let phandles: PhandleAllocator
    /// The phandle by which the tree's nodes refer to the interrupt controller, which Martlet's takes over; nil for none.
    private(set) var interruptController: Phandle?

    /// - Throws: `MachineError.treeFile`
    init(_ file: TreeFile, blob: [UInt8]) throws(MachineError) {
        self.file = file
        do { tree = try DeviceTree(parsing: blob, limits: .ofHosts) } catch { throw file.failed("\(error)") }
        phandles = PhandleAllocator(avoiding: tree)
        for name in ["#address-cells", "#size-cells"] {
            if let cells = tree.root[property: name], cells != .cell(2) {
                throw file.failed(
                    """
                    \(name) of its root is \(cells), and of Martlet's nodes <0x2>
                      write its addresses and sizes with two cells each
                    """)
            }
        }
        let parent = tree.root[property: "interrupt-parent"]?.phandle
        var controllers: [Node] = []
        var root = tree.root
        takeOut(from: &root, at: "", &controllers)
        tree.root = root
        interruptController = controllers.first { $0.phandle == parent }?.phandle ?? controllers.first?.phandle
        tree.update(at: "/chosen") { chosen in
            for name in ["linux,initrd-start", "linux,initrd-end", "rng-seed", "kaslr-seed", "stdout-path"] {
                chosen[property: name] = nil
            }
        }
    }

    /// The command line in it; nil where there is none.
    var bootArguments: String? { tree.node(at: "/chosen")?[property: "bootargs"]?.string }

    /// The tree's own labels, of nodes that are left.
    var labels: [(label: String, path: String)] { tree.labels.filter { tree.node(at: $0.path) != nil } }

    /// The generated tree merged into this one, without labels, and what gave way to it.
    /// - Throws: `MachineError.treeFile` where the two can't go together.
    func merged(
        with generated: DeviceTree
    ) throws(MachineError) -> (tree: DeviceTree, replaced: [DeviceTree.ReplacedProperty]) {
        var (result, other) = (tree, generated)
        result.labels = []
        // What the machine calls itself is the user's to say.
        for name in ["compatible", "model"] where result.root[property: name] != nil {
            other.root[property: name] = nil
        }
        for bus in other.root.children where bus[property: "ranges"] != nil {
            for name in ["#address-cells", "#size-cells"] {
                guard let cells = result.root.child(named: bus.name)?[property: name], cells != bus[property: name]
                else { continue }
                throw file.failed(
                    "\(name) of its /\(bus.name) is \(cells), and Martlet's nodes there need another number\n"
                        + "  rename the node")
            }
        }
        let replaced = result.merge(other)
        return (result, replaced.filter { !($0.node == "/" && $0.property.name == "interrupt-parent") })
    }

    /// Takes the nodes out that Martlet writes.
    private mutating func takeOut(from node: inout Node, at path: String, _ controllers: inout [Node]) {
        var kept: [Node] = []
        for var child in node.children {
            let childPath = "\(path)/\(child.name)"
            if Self.isInterruptController(child) {
                controllers.append(child)
                replacedNodes.append(childPath)
            } else if path.isEmpty, Self.isMartlets(child) {
                replacedNodes.append(childPath)
            } else {
                takeOut(from: &child, at: childPath, &controllers)
                kept.append(child)
            }
        }
        node.children = kept
    }

    private static func isMartlets(_ node: Node) -> Bool {
        ["cpus", "psci", "timer"].contains(node.name) || node.baseName == "memory"
            || node[property: "device_type"]?.string == "memory"
            || node[property: "compatible"]?.strings?.contains("arm,armv8-timer") == true
    }

    /// A GIC of any kind: bindings interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml.
    private static func isInterruptController(_ node: Node) -> Bool {
        guard node[property: "interrupt-controller"] != nil else { return false }
        return node[property: "compatible"]?.strings?.contains {
            $0.hasPrefix("arm,gic") || ($0.hasPrefix("arm,cortex-") && $0.hasSuffix("-gic"))
        } == true
    }
}

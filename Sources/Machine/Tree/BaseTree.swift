// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import GuestNodes
internal import LinuxSystem
internal import Passthrough

/// A device tree of the user, into which the generated one is merged (`device-tree.base`).
///
/// Its nodes and properties are kept, except those that only Martlet can know: memory, cpus, psci, the timer, the
/// interrupt controller, and the properties of /chosen that describe the boot. For a node in both trees, Martlet's
/// properties win. A reference to a removed node is changed to Martlet's node, or removed too.
struct BaseTree: Sendable {
    let file: TreeFile
    private var tree: Tree
    /// Paths of the nodes that Martlet's nodes replace.
    private(set) var replacedNodes: [String] = []
    /// Messages about references, for the log.
    private(set) var notes: [(level: LogLevel, text: String)] = []
    /// References that had no target in the file itself, and are already in `notes`.
    private(set) var lostReferences: [LostReference] = []
    /// Allocates phandles that the tree doesn't use.
    private(set) var phandles: PhandleAllocator
    /// The phandle by which the tree's nodes refer to the interrupt controller. Martlet's takes it over. Nil for none.
    private(set) var interruptController: Phandle?
    /// `#address-cells` of that controller: an interrupt-map that leads there has this many address cells.
    private var controllerAddressCells: PropertyValue?
    /// Whether it has labels: dtc writes them only with -@.
    let hasLabels: Bool
    /// Phandles of CPUs that properties refer to, and the index of the vCPU that takes each one over.
    private var cpus: [(phandle: Phandle, vcpu: Int)] = []

    /// - Throws: `MachineError.treeFile`
    init(_ file: TreeFile, blob: [UInt8], vcpuCount: Int) throws(MachineError) {
        self.file = file
        do { tree = try Tree(parsing: blob, limits: .ofHosts) } catch { throw file.failed(.tree(error)) }
        phandles = PhandleAllocator(avoiding: tree)
        hasLabels = tree.root.child(named: "__symbols__") != nil
        for name in ["#address-cells", "#size-cells"] {
            if let cells = tree.root[property: name], cells != .cell(2) {
                throw file.failed(.rootCells(property: name, found: cells))
            }
        }
        let lost = LostReference.all(in: tree)
        // A phandle that no node has must not be given to one of Martlet's nodes: the reference would lead to the wrong
        // node.
        for reference in lost { if let phandle = Phandle(rawValue: reference.phandle) { phandles.reserve(phandle) } }
        let parent = tree.root[property: "interrupt-parent"]?.phandle
        let cpuPhandles = (tree.root.child(named: "cpus")?.children ?? []).filter(Self.isCPU).map(\.phandle)
        var controllers: [(node: Node, path: String)] = []
        var taken: [UInt32: String] = [:]
        var root = tree.root
        removeBoardNodes(from: &root, at: "", &controllers, &taken)
        tree.root = root
        try takeOver(
            controllers.first { $0.node.phandle != nil && $0.node.phandle == parent }
                ?? controllers.first { $0.node.phandle != nil }, lost)
        try mend(lost, taken, cpus: cpuPhandles.prefix(vcpuCount))
        tree.update(at: "/chosen") { chosen in
            chosen.properties.removeAll { BoardPart.isOfBoot($0.name) }
        }
    }

    /// The command line in it; nil if there is none.
    var bootArguments: String? { tree.node(at: "/chosen")?[property: "bootargs"]?.string }

    private static func isCPU(_ node: Node) -> Bool {
        node.baseName == "cpu" || node[property: "device_type"]?.string == "cpu"
    }

    /// The tree's own labels, except those of removed nodes.
    var labels: [(label: String, path: String)] { tree.labels.filter { tree.node(at: $0.path) != nil } }

    /// The generated tree merged into this one, without labels, and the properties that were replaced.
    /// - Throws: `MachineError.treeFile` when the two can't be merged.
    func merged(
        with generated: Tree
    ) throws(MachineError) -> (tree: Tree, replaced: [Tree.ReplacedProperty]) {
        var (result, other) = (tree, generated)
        result.labels = []
        // The user decides the machine's names.
        for name in ["compatible", "model"] where result.root[property: name] != nil {
            other.root[property: name] = nil
        }
        for bus in other.root.children where bus[property: "ranges"] != nil {
            for name in ["#address-cells", "#size-cells"] {
                guard let cells = result.root.child(named: bus.name)?[property: name], cells != bus[property: name]
                else { continue }
                throw file.failed(.busCells(property: name, bus: bus.name, found: cells))
            }
        }
        for index in other.root.children.indices {
            if other.root.children[index][property: "interrupt-controller"] != nil, let controllerAddressCells {
                other.root.children[index][property: "#address-cells"] = controllerAddressCells
            }
        }
        other.update(at: "/cpus") { node in
            for (phandle, vcpu) in cpus where node.children.indices.contains(vcpu) {
                node.children[vcpu].phandle = phandle
            }
        }
        let replaced = result.merge(other)
        return (result, replaced.filter { !($0.node == "/" && $0.property.name == "interrupt-parent") })
    }

    /// Removes the nodes that Martlet writes.
    private mutating func removeBoardNodes(
        from node: inout Node, at path: String, _ controllers: inout [(node: Node, path: String)],
        _ taken: inout [UInt32: String]
    ) {
        var kept: [Node] = []
        for var child in node.children {
            let childPath = "\(path)/\(child.name)"
            let isController = BoardPart.isInterruptController(child, atRoot: path.isEmpty)
            if isController || (path.isEmpty && BoardPart.isBoard(child)) {
                if isController { controllers.append((child, childPath)) }
                replacedNodes.append(childPath)
                BoardPart.phandles(of: child, at: childPath, &taken)
            } else {
                removeBoardNodes(from: &child, at: childPath, &controllers, &taken)
                kept.append(child)
            }
        }
        node.children = kept
    }

    // MARK: References to removed nodes

    /// Makes Martlet's interrupt controller replace the tree's.
    private mutating func takeOver(
        _ controller: (node: Node, path: String)?, _ lost: [LostReference]
    ) throws(MachineError) {
        guard let controller else {
            interruptController = missingController(lost)
            if let interruptController {
                notes.append(
                    (
                        .info,
                        "interrupts lead to \(DanglingReference.number(interruptController.rawValue)), "
                            + "which no node has: Martlet's interrupt controller gets it"
                    ))
            }
            return
        }
        if let cells = controller.node[property: "#interrupt-cells"], cells != .cell(3) {
            throw file.failed(.interruptCells(controller: controller.path, found: cells))
        }
        interruptController = controller.node.phandle
        controllerAddressCells = controller.node[property: "#address-cells"]
    }

    /// The only phandle that all interrupts of a tree without an interrupt controller refer to; nil if there are
    /// others. Xen's toolstack gives the guest's GIC the phandle 0xfde8 (GUEST_PHANDLE_GIC), and users copy that.
    private func missingController(_ lost: [LostReference]) -> Phandle? {
        let parents = lost.filter { $0.property == "interrupt-parent" && $0.reason == .noNode }
        guard let phandle = parents.first.flatMap({ Phandle(rawValue: $0.phandle) }),
            parents.allSatisfy({ $0.phandle == phandle.rawValue })
        else { return nil }
        // An interrupt of a GIC has three cells, and the first is 0 or 1.
        let areGICs = parents.prefix(64).allSatisfy { parent in
            guard let cells = tree.node(at: parent.node)?[property: "interrupts"]?.cells else { return true }
            return cells.count % 3 == 0 && stride(from: 0, to: cells.count, by: 3).allSatisfy { cells[$0] <= 1 }
        }
        return areGICs ? phandle : nil
    }

    /// Repairs references to removed nodes: a reference to a CPU leads to the vCPU of the same index; others are
    /// removed.
    /// - Parameters:
    ///   - before: references that had no target in the file itself.
    ///   - taken: the paths of the removed nodes.
    ///   - cpuPhandles: the phandles of the tree's CPUs, at most as many as there are vCPUs.
    /// - Throws: `MachineError.treeFile` when an interrupt would have no target.
    private mutating func mend(
        _ before: [LostReference], _ taken: [UInt32: String], cpus cpuPhandles: ArraySlice<Phandle?>
    ) throws(MachineError) {
        var controller = Node("", ["#interrupt-cells": .cell(3)])
        controller[property: "#address-cells"] = controllerAddressCells
        controller.phandle = interruptController
        let known = Set(before.map(\.key))
        var removed: [LostReference] = []
        for lost in LostReference.all(in: tree, besides: interruptController == nil ? [] : [controller]) {
            // Martlet's replaces the root's.
            if lost.node == "/", lost.property == "interrupt-parent" { continue }
            let isNew = !known.contains(lost.key)
            if lost.isInterrupt, lost.isEnabled {
                throw file.failed(.interrupt(DanglingReference(lost, removed: isNew ? taken[lost.phandle] : nil)))
            }
            if !isNew {
                lostReferences.append(lost)
                if lost.isEnabled { notes.append((.warning, DanglingReference(lost).summary)) }
            } else if lost.isPlain, let vcpu = cpuPhandles.firstIndex(where: { $0?.rawValue == lost.phandle }) {
                if let phandle = cpuPhandles[vcpu] { cpus.append((phandle, vcpu)) }
            } else if !lost.isInterrupt {
                if removed.last.map({ $0.node != lost.node || $0.property != lost.property }) ?? true {
                    notes.append(
                        (
                            lost.isEnabled ? .warning : .info,
                            "\(lost.property) of \(lost.node) is dropped: it refers to "
                                + "\(taken[lost.phandle] ?? DanglingReference.number(lost.phandle)), "
                                + "which the guest doesn't have"
                        ))
                }
                removed.append(lost)
            }
        }
        tree.remove(removed)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import GuestNodes
internal import LinuxSystem
internal import Passthrough

/// A device tree of the user's that the generated one is merged into (`device-tree.base`).
///
/// Its nodes and properties stay, save those that describe what Martlet alone can know: memory, cpus, psci, the timer,
/// the interrupt controller, and what /chosen says of the boot. Where both trees have a node, Martlet's properties
/// count. References to what is left out lead to Martlet's, or are left out too.
struct BaseTree: Sendable {
    let file: TreeFile
    private var tree: Tree
    /// Paths of the nodes that were Martlet's to write.
    private(set) var replacedNodes: [String] = []
    /// What became of references, for the log.
    private(set) var notes: [(level: LogLevel, text: String)] = []
    /// References that led nowhere in the file already, and were told in `notes`.
    private(set) var lostReferences: [LostReference] = []
    /// Hands out what the tree has nowhere.
    private(set) var phandles: PhandleAllocator
    /// The phandle by which the tree's nodes refer to the interrupt controller, which Martlet's takes over; nil for
    /// none.
    private(set) var interruptController: Phandle?
    /// `#address-cells` of that controller: maps that lead there have so many cells of an address (interrupt-map).
    private var controllerAddressCells: PropertyValue?
    /// Whether it has labels: dtc writes them with -@ only.
    let hasLabels: Bool
    /// Phandles of CPUs that are referred to, and the vCPU of the same place that takes each over.
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
        // What nothing has now, nothing of Martlet's may get: the reference would lead to the wrong node.
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

    /// The command line in it; nil where there is none.
    var bootArguments: String? { tree.node(at: "/chosen")?[property: "bootargs"]?.string }

    private static func isCPU(_ node: Node) -> Bool {
        node.baseName == "cpu" || node[property: "device_type"]?.string == "cpu"
    }

    /// The tree's own labels, of nodes that are left.
    var labels: [(label: String, path: String)] { tree.labels.filter { tree.node(at: $0.path) != nil } }

    /// The generated tree merged into this one, without labels, and what gave way to it.
    /// - Throws: `MachineError.treeFile` where the two can't go together.
    func merged(
        with generated: Tree
    ) throws(MachineError) -> (tree: Tree, replaced: [Tree.ReplacedProperty]) {
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

    /// Takes the nodes out that Martlet writes.
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

    // MARK: References to what was taken out

    /// Lets Martlet's interrupt controller stand for the tree's.
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

    /// In a part of a tree without an interrupt controller, the one number that all of its interrupts lead to: Xen's
    /// toolstack calls the guest's GIC 0xfde8 (GUEST_PHANDLE_GIC), and users copy that.
    private func missingController(_ lost: [LostReference]) -> Phandle? {
        let parents = lost.filter { $0.property == "interrupt-parent" && $0.reason == .noNode }
        guard let phandle = parents.first.flatMap({ Phandle(rawValue: $0.phandle) }),
            parents.allSatisfy({ $0.phandle == phandle.rawValue })
        else { return nil }
        // A GIC's interrupts have three cells, and the first is 0 or 1.
        let areGICs = parents.prefix(64).allSatisfy { parent in
            guard let cells = tree.node(at: parent.node)?[property: "interrupts"]?.cells else { return true }
            return cells.count % 3 == 0 && stride(from: 0, to: cells.count, by: 3).allSatisfy { cells[$0] <= 1 }
        }
        return areGICs ? phandle : nil
    }

    /// Makes references to what was taken out right: to CPUs where there are as many vCPUs; others are left out.
    /// - Parameters:
    ///   - before: what led nowhere in the file already.
    ///   - taken: the paths of what was taken out.
    ///   - cpuPhandles: of the tree's CPUs, as many as there are vCPUs at most.
    /// - Throws: `MachineError.treeFile` where an interrupt would lead nowhere.
    private mutating func mend(
        _ before: [LostReference], _ taken: [UInt32: String], cpus cpuPhandles: ArraySlice<Phandle?>
    ) throws(MachineError) {
        var controller = Node("", ["#interrupt-cells": .cell(3)])
        controller[property: "#address-cells"] = controllerAddressCells
        controller.phandle = interruptController
        let known = Set(before.map(\.key))
        var removed: [LostReference] = []
        for lost in LostReference.all(in: tree, besides: interruptController == nil ? [] : [controller]) {
            // Martlet's takes the place of the root's.
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// A phandle without a target in a property that is known to hold phandles.
///
/// No node has it, or the node isn't an interrupt controller.
public struct LostReference: Equatable, Sendable {
    /// Why it has no target.
    public enum Reason: Equatable, Sendable {
        /// No node has the phandle.
        case noNode
        /// The node with the phandle is not an interrupt controller: it has no `#interrupt-cells`.
        case noController
    }

    /// The path of the node with the reference.
    public let node: String
    /// The property with the reference.
    public let property: String
    /// The number in the property; 0xFFFFFFFF is not a valid phandle, and has no target either.
    public let phandle: UInt32
    /// Why it has no target.
    public let reason: Reason
    /// Whether the property has only phandles, without arguments between them.
    public let isPlain: Bool
    /// Whether neither the node nor one above it is disabled.
    public let isEnabled: Bool

    /// Whether interrupts of the node, or those that it passes on, can't arrive without it.
    public var isInterrupt: Bool { Self.interruptProperties.contains(property) }

    /// Identifies it among the references of a tree.
    public var key: String { "\(node) \(property) \(phandle)" }

    private static let interruptProperties = ["interrupt-parent", "interrupts-extended", "interrupt-map"]

    /// Every such reference of `tree`, in document order.
    /// - Parameter others: further nodes that the tree will have.
    public static func all(in tree: Tree, besides others: [Node] = []) -> [LostReference] {
        var search = ReferenceSearch()
        for node in others { search.add(node) }
        search.add(tree.root)
        search.visit(tree.root, at: "", isEnabled: true)
        return search.lost
    }

    /// Whether a property is known to refer to other nodes.
    public static func isKnown(property name: String) -> Bool {
        ReferenceSearch.rule(name) != nil || ["interrupt-map", "msi-map", "iommu-map"].contains(name)
    }
}

extension Tree {
    /// Removes the properties of these references, each with the property that names its entries.
    public mutating func remove(_ references: [LostReference]) {
        if references.isEmpty { return }
        root.remove(Set(references.map { "\($0.node) \($0.property)" }), at: "")
    }
}

extension Node {
    fileprivate mutating func remove(_ references: Set<String>, at path: String) {
        let place = path.isEmpty ? "/" : path
        for name in properties.map(\.name) where references.contains("\(place) \(name)") {
            self[property: name] = nil
            if let names = PropertyRole.names(of: name) { self[property: names] = nil }
            if name.hasSuffix("-map") { self[property: "\(name)-mask"] = nil }
        }
        for index in children.indices { children[index].remove(references, at: "\(path)/\(children[index].name)") }
    }
}

/// Examines each reference of a tree.
private struct ReferenceSearch {
    /// The nodes with phandles; if two have the same one, the first in document order counts.
    private var providers: [UInt32: Node] = [:]
    private(set) var lost: [LostReference] = []
    /// The rule of each property name, so that it is looked up only once.
    private var rules: [String: ReferenceRule?] = [:]

    /// Children of the root whose properties are names and texts, and don't follow the bindings.
    private static let textNodes = ["aliases", "chosen", "__symbols__", "__fixups__", "__local_fixups__"]

    mutating func add(_ node: Node) {
        if let phandle = node.phandle, providers[phandle.rawValue] == nil { providers[phandle.rawValue] = node }
        for child in node.children { add(child) }
    }

    mutating func visit(_ node: Node, at path: String, isEnabled: Bool) {
        let status = node[property: "status"]
        let isEnabled = isEnabled && (status == nil || status == .string("okay") || status == .string("ok"))
        for property in node.properties {
            look(at: property, of: node, path: path.isEmpty ? "/" : path, isEnabled: isEnabled)
        }
        for child in node.children where !(path.isEmpty && Self.textNodes.contains(child.name)) {
            visit(child, at: "\(path)/\(child.name)", isEnabled: isEnabled)
        }
    }

    private mutating func knownRule(_ name: String) -> ReferenceRule? {
        if let known = rules[name] { return known }
        let rule = Self.rule(name)
        rules[name] = .some(rule)
        return rule
    }

    static func rule(_ name: String) -> ReferenceRule? {
        switch name {
        case "assigned-clocks", "assigned-clock-parents": return ReferenceRule(property: "clocks")
        // Only `pinctrl-` with a number holds pins of a state; other names with this beginning are registers of a pin
        // controller.
        case _ where name.hasPrefix("pinctrl-") && UInt8(name.dropFirst(8)) == nil: return nil
        default: return ReferenceRule(property: name)
        }
    }

    private mutating func look(at property: Property, of node: Node, path: String, isEnabled: Bool) {
        let value = property.value
        if value.bytes.isEmpty || value.bytes.count % 4 != 0 || Self.isText(value) { return }
        var isPlain = false
        let found: [(phandle: UInt32, reason: LostReference.Reason)]
        switch property.name {
        case "interrupt-map": found = inInterruptMap(value, of: node)
        case "msi-map", "iommu-map": found = inIDMap(value)
        // A GPIO hog has only cells of its own controller, without a phandle (binding gpio/gpio.txt).
        case "gpios" where node[property: "gpio-hog"] != nil: return
        case "interrupt-parent":
            found = value.cell.flatMap { cell in problem(ofParent: cell).map { [(cell, $0)] } } ?? []
        default:
            guard let rule = knownRule(property.name) else { return }
            isPlain = rule.arguments == .fixed(0)
            found = inList(value, rule)
        }
        for (phandle, reason) in found {
            lost.append(
                LostReference(
                    node: path, property: property.name, phandle: phandle, reason: reason, isPlain: isPlain,
                    isEnabled: isEnabled))
        }
    }

    /// Whether the value is text: some vendors have names and texts where common bindings have phandles.
    private static func isText(_ value: PropertyValue) -> Bool {
        value.strings?.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { UInt8(ascii: " ")...UInt8(ascii: "~") ~= $0 } }
            == true
    }

    private func problem(ofParent cell: UInt32) -> LostReference.Reason? {
        if cell == 0 { return nil }
        guard let parent = providers[cell] else { return .noNode }
        return parent[property: "#interrupt-cells"] == nil ? .noController : nil
    }

    /// Entries of a phandle and its arguments. If the number of arguments depends on a node that doesn't exist, the
    /// rest of the list can't be read.
    private func inList(_ value: PropertyValue, _ rule: ReferenceRule) -> [(UInt32, LostReference.Reason)] {
        var found: [(UInt32, LostReference.Reason)] = []
        var reader = value.reader
        while true {
            for _ in 0..<rule.leading { _ = reader.cell() }
            guard let cell = reader.cell() else { return found }
            if cell == 0 { continue }
            let provider = providers[cell]
            if provider == nil { found.append((cell, .noNode)) }
            let count: UInt32?
            switch rule.arguments {
            case .fixed(let fixed): count = UInt32(fixed)
            case .between(let counts) where counts.count == 1: count = UInt32(counts.lowerBound)
            // The number of arguments isn't known, so the place of the next entry isn't known either.
            case .rest, .between: return found
            case .counted(let name, let otherwise):
                count = provider.flatMap { $0[property: name]?.cell ?? otherwise.map { UInt32($0) } }
            }
            // Linux accepts no more (include/linux/of.h, MAX_PHANDLE_ARGS).
            guard let count, count <= 16 else { return found }
            for _ in 0..<count { _ = reader.cell() }
        }
    }

    /// Entries of a first ID, a phandle, the target's first ID and a count: bindings pci/pci-msi.txt and pci-iommu.txt.
    private func inIDMap(_ value: PropertyValue) -> [(UInt32, LostReference.Reason)] {
        var found: [(UInt32, LostReference.Reason)] = []
        var reader = value.reader
        while reader.cell() != nil, let phandle = reader.cell(), reader.cell() != nil, reader.cell() != nil {
            if phandle != 0, providers[phandle] == nil { found.append((phandle, .noNode)) }
        }
        return found
    }

    /// Entries of a child's address and interrupt, a phandle, and the target's address and interrupt.
    /// - SeeAlso: Devicetree Specification v0.4, 2.4.3.1
    private func inInterruptMap(_ value: PropertyValue, of node: Node) -> [(UInt32, LostReference.Reason)] {
        guard let address = node[property: "#address-cells"]?.cell, address <= 4,
            let interrupt = node[property: "#interrupt-cells"]?.cell, interrupt <= 16
        else { return [] }
        var reader = value.reader
        while reader.remainingByteCount > 0 {
            for _ in 0..<address + interrupt { _ = reader.cell() }
            guard let phandle = reader.cell(), phandle != 0 else { return [] }
            if let reason = problem(ofParent: phandle) { return [(phandle, reason)] }
            // Here Linux reads a missing #address-cells as 0 (drivers/of/irq.c).
            let parentAddress = providers[phandle]?[property: "#address-cells"]?.cell ?? 0
            guard let parentInterrupt = providers[phandle]?[property: "#interrupt-cells"]?.cell, parentAddress <= 4,
                parentInterrupt <= 16
            else { return [] }
            for _ in 0..<parentAddress + parentInterrupt { _ = reader.cell() }
        }
        return []
    }
}

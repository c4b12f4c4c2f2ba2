// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices
internal import PlatformBus

/// Writes the guest's node of one device.
struct NodeWriter {
    let source: NodeSource
    let tree: HostTree
    let name: String
    /// The node's folder on the host, or a replacement for it.
    let folder: String
    let explains: Bool
    let tellsDependencies: Bool
    var shared: SharedNodes
    var passed: PassedNodes
    private(set) var node: Node
    var fates: [PropertyFate]
    var dependencies: [NodeDependency] = []
    /// The providers whose needs were looked up, and whether they have any.
    var told: [String: Bool] = [:]
    /// The number of listed needs of providers.
    var toldCount = 0
    /// References that the device's driver may need; empty unless explanations were requested.
    var missing: [MissingReference] = []
    /// The first reason why the node can't be used.
    private(set) var problem: GuestNodeError?
    /// Lost references that a driver may need.
    var losses: [String] = []

    var request: NodeRequest { source.request }
    var settings: NodeSettings { source.request.settings }

    init(
        _ source: NodeSource, tree: HostTree, name: String, folder: String, explains: Bool, tellsDependencies: Bool,
        shared: SharedNodes, passed: PassedNodes
    ) {
        self.source = source
        self.tree = tree
        self.name = name
        self.folder = folder
        self.explains = explains
        self.tellsDependencies = tellsDependencies
        self.shared = shared
        self.passed = passed
        node = Node(name)
        fates = source.fates
    }

    /// The result, with the phandles of all nodes that are referred to.
    func finished(_ passed: PassedNodes) -> GuestNode {
        var node = node
        passed.label(&node, folder)
        return GuestNode(
            device: request.name, node: node, label: settings.label, fates: fates, dependencies: dependencies,
            missing: missing)
    }

    mutating func note(_ place: String, _ property: String, _ fate: PropertyFate.Fate, _ cause: PropertyFate.Cause) {
        fates.append(PropertyFate(node: place, property: property, fate: fate, cause: cause))
    }

    mutating func fail(_ error: GuestNodeError) {
        if problem == nil { problem = error }
    }

    // MARK: The device's own node

    mutating func write() throws(DeviceTreeError) {
        var node = Node(name)
        let compatible =
            (settings.properties.first { $0.name == "compatible" }?.value ?? source.node[property: "compatible"])?
            .strings ?? []
        let quirks = NodeQuirk.all(for: compatible)
        // Reset lines come last, so that their numbers and phandles don't depend on the order of the host's properties.
        for property in source.node.properties where property.name != "resets" && !isSet(property.name) {
            try writeOwn(property, to: &node)
        }
        for property in source.node.properties where property.name == "resets" && !isSet(property.name) {
            try writeOwn(property, to: &node)
        }
        for child in source.node.children {
            node.children.append(
                try copy(
                    child, folder: "\(folder)/\(child.name)", place: child.name,
                    isOwnInterrupt: source.node[property: "#interrupt-cells"] != nil))
        }
        removeIdleCellCounts(from: &node, place: "")
        writeRegions(to: &node)
        writeInterrupts(to: &node, trigger: quirks.compactMap(\.trigger).first)
        if source.node[property: "clocks"] == nil { try writeClocksOfItsOwn(compatible, to: &node) }
        try writeCoherence(to: &node)
        writeEthernetAddress(to: &node)
        for quirk in quirks {
            for property in quirk.properties where node[property: property.name] != property.value {
                if isDeleted(property.name) { continue }
                node[property: property.name] = property.value
                note("", property.name, .added, .quirk(quirk.compatible))
            }
        }
        for property in settings.properties {
            let isNew = source.node[property: property.name] == nil
            node[property: property.name] = property.value
            note("", property.name, isNew ? .added : .rewritten, .configuration)
        }
        if settings.label != nil { _ = try passed.guestPhandle(of: folder, &shared) }
        self.node = node
        for quirk in quirks {
            if let problem = quirk.problem(of: node, regionCount: request.regions.count) {
                fail(.incompleteNode(device: request.name, compatible: quirk.compatible, problem))
            }
        }
        if settings.isStrict, !losses.isEmpty { fail(.missingReferences(device: request.name, losses)) }
    }

    private func isSet(_ name: String) -> Bool { settings.properties.contains { $0.name == name } }

    private func isDeleted(_ name: String) -> Bool { settings.deletions.contains(name) }

    private mutating func writeOwn(_ property: Property, to node: inout Node) throws(DeviceTreeError) {
        switch property.name {
        case "reg", "reg-names", "interrupts", "interrupt-names":
            break  // with what VFIO exposes
        case "interrupts-extended":
            note("", property.name, .rewritten, .guestSPIs)
        case "status":
            note("", property.name, .dropped, .status)
        case "interrupt-parent":
            note("", property.name, .dropped, .role(.interruptParent))
        case "device_type", "bus-range", "#address-cells", "#size-cells":
            // Without its windows it is not a bridge, and has no children.
            if source.isPCIBridge, source.ranges == nil {
                note("", property.name, .dropped, .noBus)
            } else {
                try write(property, of: source.node, place: "", to: &node)
            }
        case "ranges":
            node[property: "ranges"] = source.ranges
            note("", "ranges", source.ranges == nil ? .dropped : .rewritten, source.ranges == nil ? .noBus : .bus)
        default:
            try write(property, of: source.node, place: "", to: &node)
        }
    }

    private mutating func writeRegions(to node: inout Node) {
        let had = source.node[property: "reg"] != nil
        if isSet("reg") || isDeleted("reg") { return }
        guard !request.regions.isEmpty else {
            for name in ["reg", "reg-names"] where source.node[property: name] != nil {
                note("", name, .dropped, .noRegions)
            }
            return
        }
        // Addresses and sizes on the platform bus have two cells each.
        node[property: "reg"] = .cells64(request.regions.flatMap { [$0.base.rawValue, $0.size] })
        note("", "reg", had ? .rewritten : .added, .guestWindows)
        writeNames("reg-names", indices: request.regionIndices, to: &node)
    }

    private mutating func writeInterrupts(to node: inout Node, trigger: InterruptTrigger?) {
        let had = source.node[property: "interrupts"] != nil
        if isSet("interrupts") || isDeleted("interrupts") { return }
        guard !request.interrupts.isEmpty else {
            for name in ["interrupts", "interrupt-names"] where source.node[property: name] != nil {
                note("", name, .dropped, .noInterrupts)
            }
            return
        }
        node[property: "interrupts"] = .cells(
            request.interrupts.flatMap { interrupt in
                // Binding interrupt-controller/arm,gic-v3.yaml: 0 for an SPI; 1 rising edge, 4 high level. The host's
                // interrupt controllers have already inverted the falling edges and low levels of the host's tree.
                [0, interrupt.spi.rawValue, (trigger ?? interrupt.trigger) == .level ? 4 : 1]
            })
        note("", "interrupts", had ? .rewritten : .added, .guestSPIs)
        writeNames("interrupt-names", indices: Array(request.interrupts.indices), to: &node)
    }

    /// Writes only the names of existing entries.
    /// - Parameter indices: the host's indices of the entries that the guest has.
    private mutating func writeNames(_ name: String, indices: [Int], to node: inout Node) {
        guard let value = source.node[property: name], !isSet(name) else { return }
        let names = value.strings ?? []
        let kept = indices.filter(names.indices.contains)
        guard kept.count < names.count else {
            node[property: name] = value
            note("", name, .copied, .plainData)
            return
        }
        node[property: name] = .strings(kept.map { names[$0] })
        note("", name, .rewritten, .matchesVFIO)
    }

    /// A bus can declare DMA coherent with the caches for all its devices.
    /// - SeeAlso: Linux, drivers/of/address.c (of_dma_is_coherent)
    private mutating func writeCoherence(to node: inout Node) throws(DeviceTreeError) {
        guard var bus = request.path, source.node[property: "dma-coherent"] == nil,
            source.node[property: "dma-noncoherent"] == nil, !isDeleted("dma-coherent")
        else { return }
        while let parent = tree.parent(of: bus) {
            if try tree.property("dma-noncoherent", of: parent) != nil { return }
            if try tree.property("dma-coherent", of: parent) != nil {
                node[property: "dma-coherent"] = .empty
                note("", "dma-coherent", .added, .coherence(tree.path(parent)))
                return
            }
            bus = parent
        }
    }

    /// Adds the address if the host's node doesn't have it: it may be in a fuse or an EEPROM, which the guest can't
    /// read.
    /// - SeeAlso: Linux, net/core/of_net.c (of_get_mac_address)
    private mutating func writeEthernetAddress(to node: inout Node) {
        let name = "local-mac-address"
        guard let address = request.record?.ethernetAddress, !isSet(name), !isDeleted(name) else { return }
        for known in ["mac-address", name, "address"] {
            if let value = source.node[property: known], value.bytes.contains(where: { $0 != 0 }) { return }
        }
        let isNew = node[property: name] == nil
        node[property: name] = .bytes(address)
        note("", name, isNew ? .added : .rewritten, .interface)
    }

    // MARK: Any node

    /// Copies a node below the device's.
    /// - Parameter isOwnInterrupt: Whether interrupts lead to a node that the guest gets, unless the node itself says
    ///   otherwise.
    private mutating func copy(
        _ child: Node, folder: String, place: String, isOwnInterrupt: Bool
    ) throws(DeviceTreeError) -> Node {
        var node = Node(child.name)
        var isOwnInterrupt = isOwnInterrupt
        if let parent = child[property: "interrupt-parent"] {
            isOwnInterrupt = parent.phandle.flatMap { passed.folder(of: $0) } != nil
        }
        for property in child.properties {
            switch property.name {
            case "reg-names":
                node.properties.append(property)
                note(place, property.name, .copied, .plainData)
            case "interrupts", "interrupt-names":
                if child[property: "interrupts"] == nil { fallthrough }
                if isOwnInterrupt {
                    node.properties.append(property)
                    note(place, property.name, .copied, .plainData)
                } else {
                    note(place, property.name, .dropped, .childInterrupts)
                }
            default:
                try write(property, of: child, place: place, to: &node)
            }
        }
        for grandchild in child.children {
            node.children.append(
                try copy(
                    grandchild, folder: "\(folder)/\(grandchild.name)", place: "\(place)/\(grandchild.name)",
                    isOwnInterrupt: isOwnInterrupt || child[property: "#interrupt-cells"] != nil))
        }
        removeIdleCellCounts(from: &node, place: place)
        return node
    }

    /// Removes cell counts of a node whose children have no addresses: dtc reports them as a mistake.
    private mutating func removeIdleCellCounts(from node: inout Node, place: String) {
        guard source.thinned.contains(place), !node.children.isEmpty, node[property: "ranges"] == nil,
            !node.children.contains(where: { $0[property: "reg"] != nil })
        else { return }
        for name in ["#address-cells", "#size-cells"] where node[property: name] != nil {
            node[property: name] = nil
            note(place, name, .dropped, .noAddresses)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import LinuxSystem
internal import VFIO

/// The guest's device-tree node for a passed-through device, made from the host's.
///
/// `compatible` and properties of plain data are copied; `reg` and `interrupts` are rewritten to what the guest has;
/// what refers to other nodes of the host is left out, save for clocks of a fixed rate.
public struct DeviceNode: Sendable {
    /// The device's own node, for the platform bus.
    public let node: Node
    /// Properties that were left out since they refer to something that the guest hasn't got.
    public let omitted: [String]
}

/// The fixed clocks that passed-through devices need, shared between those that share one on the host.
public struct ClockNodes: Sendable {
    /// The clocks' nodes, for the root of the tree.
    public private(set) var nodes: [Node] = []
    private var phandles: PhandleAllocator
    private var byRate: [UInt32: Phandle] = [:]

    /// - Parameter phandles: avoids those that the board has taken.
    public init(phandles: PhandleAllocator) { self.phandles = phandles }

    /// A clock that runs at `hertz`.
    mutating func phandle(hertz: UInt32) throws(DeviceTreeError) -> Phandle {
        if let known = byRate[hertz] { return known }
        let phandle = try phandles.allocate()
        var node = Node(
            "clock-\(hertz)",
            ["compatible": .string("fixed-clock"), "#clock-cells": .cell(0), "clock-frequency": .cell(hertz)])
        node.phandle = phandle
        nodes.append(node)
        byRate[hertz] = phandle
        return phandle
    }

    /// A clock for an emulated device's `clocks` property.
    public mutating func reference(hertz: UInt32) throws(DeviceTreeError) -> PropertyValue {
        .phandle(try phandle(hertz: hertz))
    }
}

extension PassthroughDevice {
    /// - Throws: `PassthroughError.noDeviceTreeNode`, `.deviceTree`.
    public func deviceNode(clocks: inout ClockNodes, sysfs: Sysfs) throws(PassthroughError) -> DeviceNode {
        guard let path = host.deviceTreeNode else { throw .noDeviceTreeNode(device: name) }
        do throws(DeviceTreeError) {
            let source = try Node(directory: path, descending: false, system: sysfs.system)
            var node = Node(guestName(of: source))
            var omitted: [String] = []
            for property in source.properties where !Self.rewritten.contains(property.name) {
                if Self.refersToHost(property.name) {
                    omitted.append(property.name)
                } else {
                    node.properties.append(property)
                }
            }
            if !regions.isEmpty {
                node[property: "reg"] = .cells64(regions.flatMap { [$0.range.base.rawValue, $0.info.size] })
            }
            if !interrupts.isEmpty {
                node[property: "interrupts"] = .cells(
                    interrupts.flatMap { [0, $0.spi.rawValue, $0.trigger == .level ? 4 : 1] })
            }
            if try !addClocks(of: source, to: &node, clocks: &clocks, sysfs: sysfs), source[property: "clocks"] != nil {
                omitted.append("clocks")
            }
            return DeviceNode(node: node, omitted: omitted)
        } catch { throw .deviceTree(device: name, error) }
    }

    private func guestName(of source: Node) -> String {
        guard let first = regions.first else { return String(source.baseName) }
        return source.baseName + "@" + String(first.range.base.rawValue, radix: 16)
    }

    /// Set anew, or meant for the host only.
    private static var rewritten: Set<String> {
        [
            "reg", "interrupts", "interrupts-extended", "interrupt-parent", "phandle", "linux,phandle", "clocks",
            "clock-names", "status", "name", "ranges", "dma-ranges",
        ]
    }

    /// Properties whose values are phandles by the bindings' own rules.
    private static func refersToHost(_ name: String) -> Bool {
        let names: Set<String> = [
            "iommus", "iommu-map", "msi-parent", "msi-map", "power-domains", "power-domain-names", "resets",
            "reset-names", "dmas", "dma-names", "memory-region", "memory-region-names", "phys", "phy-names",
            "phy-handle", "mboxes", "mbox-names", "interconnects", "interconnect-names", "assigned-clocks",
            "assigned-clock-parents", "assigned-clock-rates", "operating-points-v2", "nvmem-cells",
            "nvmem-cell-names", "hwlocks", "syscon", "pwms", "io-channels", "thermal-sensors", "gpio-ranges",
        ]
        return names.contains(name) || name.hasPrefix("pinctrl-") || name.hasSuffix("-supply")
            || name.hasSuffix("-gpios") || name.hasSuffix("-gpio") || name == "gpios"
    }

    /// Gives the guest a fixed clock for each of the device's clocks.
    /// - Returns: false when one has a provider whose rate isn't fixed; the node then has no clocks.
    private func addClocks(
        of source: Node, to node: inout Node, clocks: inout ClockNodes, sysfs: Sysfs
    ) throws(DeviceTreeError) -> Bool {
        guard let value = source[property: "clocks"], let path = host.deviceTreeNode else { return true }
        let tree = HostTree(of: path, sysfs: sysfs)
        var rates: [UInt32] = []
        var reader = value.reader
        while let phandle = reader.phandle() {
            guard let provider = try tree.node(with: phandle), let hertz = provider[property: "clock-frequency"]?.cell,
                provider[property: "compatible"]?.strings?.contains("fixed-clock") == true
            else { return false }
            rates.append(hertz)
        }
        guard reader.remainingByteCount == 0 else { return false }
        // Only now, so that a device that gets no clocks leaves none behind.
        var references = PropertyValue.empty
        for hertz in rates { references.append(phandle: try clocks.phandle(hertz: hertz)) }
        node[property: "clocks"] = references
        node[property: "clock-names"] = source[property: "clock-names"]
        return true
    }
}

/// The host's live device tree, searched by phandle.
private struct HostTree {
    let root: String
    let sysfs: Sysfs

    /// - Parameter path: any node of the tree.
    init(of path: String, sysfs: Sysfs) {
        let components = path.split(separator: "/", omittingEmptySubsequences: false)
        let base = components.lastIndex(of: "base").map { components[...$0].joined(separator: "/") }
        root = base ?? "/sys/firmware/devicetree/base"
        self.sysfs = sysfs
    }

    /// Nil when there is no such node.
    func node(with phandle: Phandle) throws(DeviceTreeError) -> Node? { try find(phandle, root, depth: 0) }

    private func find(_ phandle: Phandle, _ path: String, depth: Int) throws(DeviceTreeError) -> Node? {
        // Clock providers sit close to the root; the limit is against a tree that isn't one.
        guard depth < 16 else { return nil }
        let wanted = PropertyValue.phandle(phandle).bytes
        let names = try reading(path) { () throws(Errno) in try sysfs.system.listDirectory(path) }
        for name in names where name == "phandle" {
            let own = try reading("\(path)/phandle") { () throws(Errno) in
                try sysfs.system.readFile("\(path)/phandle", limit: 4096)
            }
            if own == wanted { return try Node(directory: path, named: "", descending: false, system: sysfs.system) }
        }
        for name in names {
            let child = "\(path)/\(name)"
            let isNode = try reading(child) { () throws(Errno) in try sysfs.system.isDirectory(child) }
            if isNode, let found = try find(phandle, child, depth: depth + 1) { return found }
        }
        return nil
    }

    private func reading<Result>(
        _ path: String, _ body: () throws(Errno) -> Result
    ) throws(DeviceTreeError) -> Result {
        do { return try body() } catch { throw .unreadable(path: path, error) }
    }
}

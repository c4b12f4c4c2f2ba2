// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import GuestNodes
import Passthrough
import Testing

@testable import Machine

/// What becomes of a base tree's references to the nodes that Martlet writes.
@Suite struct BaseTreeReferencesTests {
    private let fixture = TreeFixture()

    private func tree(_ nodes: [Node], _ properties: [Property] = [], vcpus: Int = 1) throws -> Tree {
        try fixture.addBase(nodes, properties)
        let tree = try fixture.tree(fixture.configuration(base: "/base.dtb", vcpus: vcpus))
        #expect(LostReference.all(in: tree).filter { $0.isEnabled && $0.property != "acme-handle" } == [])
        return tree
    }

    private func error(_ nodes: [Node], _ properties: [Property] = []) throws -> MachineError? {
        try fixture.addBase(nodes, properties)
        return fixture.error(fixture.configuration(base: "/base.dtb"))
    }

    private static func gic(_ name: String, _ phandle: UInt32, cells: UInt32? = 3, children: [Node] = []) -> Node {
        var node = Node(
            name,
            ["compatible": .string("arm,gic-400"), "interrupt-controller": .empty, "phandle": .cell(phandle)],
            children: children)
        if let cells { node[property: "#interrupt-cells"] = .cell(cells) }
        return node
    }

    // MARK: Xen's partial trees

    private func passthrough(_ parent: UInt32) -> Node {
        Node(
            "passthrough", ["compatible": .string("simple-bus"), "ranges": .empty],
            children: [
                Node("misc_clk", ["#clock-cells": .cell(0), "phandle": .cell(2)]),
                Node(
                    "ethernet@1f000000",
                    [
                        "interrupt-parent": .cell(parent), "interrupts": .cells([0, 63, 4]),
                        "clocks": .cells([2, 2]),
                    ]),
            ])
    }

    @Test func `a partial tree's gic without compatible is Martlet's`() throws {
        let gic = Node("gic", ["#interrupt-cells": .cell(3), "interrupt-controller": .empty, "phandle": .cell(1)])
        let tree = try tree([gic, passthrough(1)])
        #expect(tree.node(at: "/gic") == nil)
        #expect(tree.target("/passthrough/ethernet@1f000000", "interrupt-parent") == TreeFixture.controller)
        #expect(tree.target("/", "interrupt-parent") == TreeFixture.controller)
        #expect(tree.target("/passthrough/ethernet@1f000000", "clocks") == "/passthrough/misc_clk")
        #expect(fixture.host.log.all.contains("info: device-tree.base: /gic is ignored: Martlet writes it"))
    }

    @Test func `a partial tree may call the interrupt controller by Xen's number`() throws {
        let tree = try tree([passthrough(0xFDE8)])
        #expect(tree.target("/passthrough/ethernet@1f000000", "interrupt-parent") == TreeFixture.controller)
        #expect(
            fixture.host.log.all == [
                "info: device-tree.base: /base.dtb: interrupts lead to the phandle 0xfde8, which no node has: "
                    + "Martlet's interrupt controller gets it"
            ])
    }

    @Test func `what isn't a GIC's interrupt is not taken for one`() throws {
        var bus = passthrough(7)
        bus.children[1][property: "interrupts"] = .cells([63, 4])
        #expect(
            try error([bus])?.reference?.facts
                == "interrupt-parent of /passthrough/ethernet@1f000000 to 7: noNode")
    }

    @Test func `controllers of pins and of PCI without compatible stay`() throws {
        let pins = Node(
            "pins",
            [
                "gpio-controller": .empty, "interrupt-controller": .empty, "#interrupt-cells": .cell(3),
                "phandle": .cell(3),
            ])
        let legacy = Node("intc", ["interrupt-controller": .empty, "#interrupt-cells": .cell(3), "phandle": .cell(4)])
        let tree = try tree([
            Self.gic("gic", 1), pins, Node("pcie", ["interrupt-parent": .cell(4)], children: [legacy]),
            Node("key", ["interrupt-parent": .cell(3)]),
        ])
        #expect(tree.target("/key", "interrupt-parent") == "/pins")
        #expect(tree.target("/pcie", "interrupt-parent") == "/pcie/intc")
    }

    // MARK: What goes with the interrupt controller and the CPUs

    private var board: [Node] {
        let frame = Node("v2m@0", ["msi-controller": .empty, "phandle": .cell(2)])
        return [
            Node(
                "soc",
                children: [
                    Self.gic("gic@1000", 1, children: [frame]),
                    Node(
                        "pcie@50000",
                        [
                            "msi-parent": .cell(2), "interrupts-extended": .cells([1, 0, 20, 4, 3, 3]),
                            "msi-map": .cells([0, 2, 0, 0x10000]), "msi-map-mask": .cell(0xFFFF),
                        ]),
                    Node(
                        "mux@60000",
                        ["interrupt-controller": .empty, "#interrupt-cells": .cell(1), "phandle": .cell(3)]),
                ]),
            Node(
                "cpus",
                children: [
                    Node("cpu@0", ["device_type": .string("cpu"), "phandle": .cell(5)]),
                    Node("cpu@1", ["device_type": .string("cpu"), "phandle": .cell(6)]),
                    Node("l2-cache", ["phandle": .cell(7)]),
                ]),
            Node("pmu", ["interrupt-affinity": .cells([5, 6])]),
            Node("cooling", ["cooling-device": .cells([5, .max, .max])]),
            Node("edac", ["next-level-cache": .cell(7), "status": .string("disabled")]),
        ]
    }

    @Test func `references to CPUs lead to the vCPUs of their places`() throws {
        let tree = try tree(board, vcpus: 2)
        let affinity = try #require(tree.node(at: "/pmu")?[property: "interrupt-affinity"]?.cells)
        #expect(
            affinity.map { Phandle(rawValue: $0).flatMap(tree.path) } == ["/cpus/cpu@0", "/cpus/cpu@1"])
        #expect(tree.node(at: "/cpus")?.children.count == 2)
    }

    @Test func `references to what the guest hasn't got are left out`() throws {
        let tree = try tree(board, vcpus: 1)
        let pcie = try #require(tree.node(at: "/soc/pcie@50000"))
        for name in ["msi-parent", "msi-map", "msi-map-mask"] { #expect(pcie[property: name] == nil) }
        #expect(tree.target("/soc/pcie@50000", "interrupts-extended") == TreeFixture.controller)
        #expect(pcie[property: "interrupts-extended"]?.cells?[4] == 3)
        #expect(tree.node(at: "/pmu")?[property: "interrupt-affinity"] == nil)
        #expect(tree.node(at: "/cooling")?[property: "cooling-device"] == nil)
        #expect(
            fixture.warnings == [
                "warning: device-tree.base: /base.dtb: msi-parent of /soc/pcie@50000 is dropped: it refers to "
                    + "/soc/gic@1000/v2m@0, which the guest doesn't have",
                "warning: device-tree.base: /base.dtb: msi-map of /soc/pcie@50000 is dropped: it refers to "
                    + "/soc/gic@1000/v2m@0, which the guest doesn't have",
                "warning: device-tree.base: /base.dtb: interrupt-affinity of /pmu is dropped: it refers to "
                    + "/cpus/cpu@1, which the guest doesn't have",
                "warning: device-tree.base: /base.dtb: cooling-device of /cooling is dropped: it refers to "
                    + "/cpus/cpu@0, which the guest doesn't have",
            ])
    }

    @Test func `an interrupt that leads to a second controller is refused`() throws {
        let nodes = [
            Self.gic("gic", 1), Self.gic("gic2", 2),
            Node("key", ["interrupt-parent": .cell(2), "interrupts": .cells([0, 1, 4])]),
        ]
        #expect(
            try error(nodes)?.reference?.facts == "interrupt-parent of /key to 2: noNode (/gic2)")
        var disabled = nodes
        disabled[2][property: "status"] = .string("disabled")
        try fixture.addBase(disabled)
        _ = try fixture.tree(fixture.configuration(base: "/base.dtb"))
    }

    @Test func `a map to the interrupt controller keeps its cells`() throws {
        var gic = Self.gic("gic", 1)
        gic[property: "#address-cells"] = .cell(1)
        let map: [UInt32] = [0, 0, 0, 1, 1, 0, 0, 9, 4, 0, 0, 0, 2, 1, 0, 0, 10, 4]
        let pcie = Node(
            "pcie",
            [
                "#address-cells": .cell(3), "#interrupt-cells": .cell(1), "interrupt-map": .cells(map),
                "phandle": .cell(2),
            ])
        let tree = try tree([gic, pcie])
        #expect(tree.node(at: TreeFixture.controller)?[property: "#address-cells"] == .cell(1))
        #expect(tree.node(at: "/pcie")?[property: "interrupt-map"] == .cells(map))
    }

    @Test func `interrupts of four cells are refused`() throws {
        #expect(
            try error([Self.gic("gic", 1, cells: 4)])
                == .treeFile(
                    key: "device-tree.base", path: "/base.dtb", .interruptCells(controller: "/gic", found: .cell(4))))
    }

    // MARK: What led nowhere before

    @Test func `a reference to nothing is a warning, and stays one`() throws {
        let nodes = [
            Node("dev", ["phy-handle": .cell(1), "clocks": .cell(9)]),
            Node("off", ["phy-handle": .cell(8), "status": .string("disabled")]),
        ]
        try fixture.addBase(nodes)
        let tree = try fixture.tree(fixture.configuration(base: "/base.dtb"))
        // No node of Martlet's gets the number by chance.
        #expect(tree.target("/dev", "phy-handle") == nil)
        #expect(
            fixture.warnings == [
                "warning: device-tree.base: /base.dtb: phy-handle of /dev refers to the phandle 0x1, which no node has",
                "warning: device-tree.base: /base.dtb: clocks of /dev refers to the phandle 0x9, which no node has",
            ])
    }

    @Test func `the root's interrupt parent is Martlet's, whatever the base's was`() throws {
        let tree = try tree([Self.gic("gic", 1)], [Property("interrupt-parent", .cell(7))])
        #expect(tree.target("/", "interrupt-parent") == TreeFixture.controller)
    }

    @Test func `an interrupt parent that takes no interrupts is refused`() throws {
        #expect(
            try error([
                Self.gic("gic", 1), Node("bus", ["phandle": .cell(2)]), Node("dev", ["interrupt-parent": .cell(2)]),
            ])?.reference?.facts == "interrupt-parent of /dev to 2: noController")
    }

    @Test func `what a running host's firmware says of its boot is left out`() throws {
        let chosen = Node(
            "chosen",
            [
                "linux,uefi-system-table": .cell64(0x1000), "linux,uefi-mmap-start": .cell64(0x2000),
                "linux,usable-memory-range": .cells64([0, 0x1000]), "kept": .empty,
            ])
        let tree = try tree([chosen])
        let names = try #require(tree.node(at: "/chosen")).properties.map(\.name)
        #expect(names.contains("kept"))
        #expect(!names.contains { $0.hasPrefix("linux,u") })
    }
}

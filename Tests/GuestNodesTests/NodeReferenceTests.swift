// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import PlatformBus
import Testing

@testable import GuestNodes

/// What becomes of references and child nodes, case by case, on trees made for each.
@Suite struct NodeReferenceTests {
    /// Generates the nodes of children of the root, each with one region of 4 KiB and one interrupt.
    private func generate(
        _ nodes: [Node], devices: [String], explains: Bool = false, settings: NodeSettings = NodeSettings(),
        size: UInt64 = 0x1000
    ) throws -> (nodes: [GuestNode], shared: [Node], resets: SharedNodes) {
        let root = Node("", ["#address-cells": .cell(1), "#size-cells": .cell(1)], children: nodes)
        var phandles = PhandleAllocator()
        phandles.reserve(try #require(Phandle(rawValue: 1)))
        var generator = NodeGenerator(tree: HostTree(Tree(root: root)), phandles: phandles, explains: explains)
        let requests = try devices.enumerated().map { index, name in
            NodeRequest(
                name: name, path: "/\(name)",
                regions: [
                    try #require(GuestRange(base: GuestAddress(0x0C00_0000 + 0x10000 * UInt64(index)), size: size))
                ],
                interrupts: [.init(spi: SPI(rawValue: UInt32(index)), trigger: .level)],
                settings: index == 0 ? settings : NodeSettings())
        }
        return (try generator.generate(requests), generator.shared.nodes, generator.shared)
    }

    private func fate(_ node: GuestNode, _ property: String, of place: String = "") -> String? {
        node.fates.first { $0.property == property && $0.node == place }.map { "\($0.fate.rawValue): \($0.reason)" }
    }

    // MARK: Devices that refer to each other

    @Test func `both ends of a graph lead to each other`() throws {
        func device(_ name: String, _ own: UInt32, _ other: UInt32) -> Node {
            let endpoint = Node("endpoint", ["phandle": .cell(own), "remote-endpoint": .cell(other)])
            return Node(name, children: [Node("port", children: [endpoint])])
        }
        let hosts = [device("camera@0", 0x10, 0x20), device("bridge@1000", 0x20, 0x10)]

        let both = try generate(hosts, devices: ["camera@0", "bridge@1000"]).nodes
        let ends = both.compactMap { $0.node.node(at: "port/endpoint") }
        #expect(ends.map(\.phandle) == [Phandle(rawValue: 0x22), Phandle(rawValue: 0x21)])
        #expect(ends.map { $0[property: "remote-endpoint"]?.phandle } == ends.reversed().map(\.phandle))

        let one = try generate(hosts, devices: ["camera@0"], explains: true).nodes[0]
        #expect(one.omitted == ["port/endpoint/remote-endpoint"])
        #expect(
            fate(one, "remote-endpoint", of: "port/endpoint")
                == "dropped: /bridge@1000/port/endpoint is not passed through")
    }

    @Test func `an entry that can't be carried keeps the places of the others`() throws {
        let hosts = [
            Node("spi@0", ["cs-gpios": .cells([7, 1, 0, 0, 8, 2, 0])]),
            Node("gpio@1000", ["phandle": .cell(7), "#gpio-cells": .cell(2)]),
            Node("gpio@2000", ["phandle": .cell(8), "#gpio-cells": .cell(2)]),
        ]
        let node = try generate(hosts, devices: ["spi@0", "gpio@1000"]).nodes[0]
        #expect(node.node[property: "cs-gpios"] == .cells([9, 1, 0, 0, 0]))
        #expect(
            fate(node, "cs-gpios")
                == "rewritten: the guest's /gpio@1000; an empty entry; /gpio@2000 is not passed through")
        let error = #expect(throws: GuestNodeError.self) {
            try generate(hosts, devices: ["spi@0", "gpio@1000"], settings: NodeSettings(isStrict: true))
        }
        #expect(error?.description.contains("cs-gpios: the guest's /gpio@1000; an empty entry; /gpio@2000 is") == true)
    }

    /// Also what the host would see to, were they its own.
    @Test func `resets and power of a passed controller are the guest's`() throws {
        let hosts = [
            Node("d@0", ["resets": .cells([7, 3]), "reset-names": .string("r"), "power-domains": .cell(8)]),
            Node("rst@1000", ["phandle": .cell(7), "#reset-cells": .cell(1)]),
            Node("pd", ["phandle": .cell(8), "#power-domain-cells": .cell(0)]),
        ]
        let node = try generate(hosts, devices: ["d@0", "rst@1000"]).nodes[0]
        #expect(node.node[property: "resets"] == .cells([9, 3]))
        #expect(node.node[property: "reset-names"] == .string("r"))
        #expect(fate(node, "power-domains") == "dropped: the host keeps the device powered")
    }

    /// Each entry has a line of its own, that of a child is of a part, and what leads nowhere is a loss.
    @Test func `reset lines are numbered over all devices`() throws {
        let hosts = [
            Node(
                "d@0", ["resets": .cells([7, 3, 0, 7, 4]), "reset-names": .strings(["a", "b", "c"])],
                children: [Node("phy", ["resets": .cells([7, 5])])]),
            Node("e@1000", ["resets": .cells([7, 3])]),
            Node("f@2000", ["resets": .cells([99, 3]), "reset-names": .string("r")]),
            Node("rst@3000", ["phandle": .cell(7), "#reset-cells": .cell(1)]),
        ]
        let (nodes, _, shared) = try generate(hosts, devices: ["d@0", "e@1000", "f@2000"])
        let controller = try #require(shared.resetController?.rawValue)
        #expect(nodes[0].node[property: "resets"] == .cells([controller, 0, 0, controller, 1]))
        #expect(nodes[0].node[property: "reset-names"] == .strings(["a", "b", "c"]))
        #expect(nodes[0].node.children[0][property: "resets"] == .cells([controller, 2]))
        #expect(nodes[1].node[property: "resets"] == .cells([controller, 3]))
        #expect(nodes[2].node[property: "resets"] == nil && nodes[2].node[property: "reset-names"] == nil)
        #expect(fate(nodes[2], "resets") == "dropped: no node of the host has its phandle 0x63")
        #expect(
            shared.resetLines == [
                .init(device: "d@0", isOwn: true), .init(device: "d@0", isOwn: true),
                .init(device: "d@0", isOwn: false), .init(device: "e@1000", isOwn: true),
            ])
        let error = #expect(throws: GuestNodeError.self) {
            try generate(hosts, devices: ["f@2000"], settings: NodeSettings(isStrict: true))
        }
        #expect(error?.description.contains("resets: no node of the host has its phandle 0x63") == true)
    }

    @Test func `interrupts of children that stay inside are kept`() throws {
        let hosts = [
            Node(
                "expander@0",
                [
                    "phandle": .cell(7), "interrupt-controller": .empty, "#interrupt-cells": .cell(2),
                    "interrupt-parent": .cell(9), "interrupts": .cells([0, 5, 4]),
                ],
                children: [
                    Node("inner", ["interrupts": .cells([1, 2])]),
                    Node("by-handle", ["interrupt-parent": .cell(7), "interrupts": .cells([2, 2])]),
                    Node(
                        "outside",
                        [
                            "interrupt-parent": .cell(9), "interrupts": .cells([0, 6, 4]),
                            "interrupt-names": .string("x"),
                        ]),
                    Node("extended", ["interrupts-extended": .cells([7, 1, 2, 9, 0, 6, 4])]),
                ]),
            Node("gic", ["phandle": .cell(9), "#interrupt-cells": .cell(3)]),
        ]
        let node = try generate(hosts, devices: ["expander@0"]).nodes[0]
        let children = node.node.children
        #expect(node.node.phandle == Phandle(rawValue: 10))
        #expect(children[0].properties == [Property("interrupts", .cells([1, 2]))])
        #expect(children[1][property: "interrupt-parent"] == .cell(10))
        #expect(children[1][property: "interrupts"] == .cells([2, 2]))
        #expect(children[2].properties == [])
        #expect(children[3][property: "interrupts-extended"] == .cells([10, 1, 2, 0]))
        #expect(node.omitted == ["outside/interrupt-parent", "outside/interrupts", "outside/interrupt-names"])
    }

    // MARK: Child nodes

    @Test func `children on a bus of the CPU's addresses`() throws {
        let hosts = [
            Node(
                "glue@1000",
                [
                    "reg": .cells([0x1000, 0x1000]), "#address-cells": .cell(1), "#size-cells": .cell(1),
                    "ranges": .empty,
                ],
                children: [
                    Node("inside@1800", ["reg": .cells([0x1800, 0x800])]),
                    Node("across@1f00", ["reg": .cells([0x1F00, 0x800])]),
                    Node("outside@8000", ["reg": .cells([0x8000, 0x100])]),
                    Node("plain", ["a": .cell(1)]),
                ])
        ]
        let node = try generate(hosts, devices: ["glue@1000"]).nodes[0]
        #expect(node.node[property: "ranges"] == .cells([0x1000, 0, 0x0C00_0000, 0x1000]))
        #expect(node.node.children.map(\.name) == ["inside@1800", "plain"])
        #expect(fate(node, "", of: "outside@8000") == "dropped: its registers are not in the device's regions")
    }

    /// Its windows lie elsewhere, and interrupts of its bus lead to the host's interrupt controller.
    @Test func `a PCI bridge without its bus is none`() throws {
        let hosts = [
            Node(
                "pcie@1000",
                [
                    "reg": .cells([0x1000, 0x1000]), "device_type": .string("pci"), "#address-cells": .cell(3),
                    "#size-cells": .cell(2), "bus-range": .cells([0, 255]), "num-lanes": .cell(1),
                    "ranges": .cells([0x0200_0000, 0, 0x4000_0000, 0x4000_0000, 0, 0x1000]),
                    "#interrupt-cells": .cell(1), "interrupt-map-mask": .cells([0, 0, 0, 7]),
                    "interrupt-map": .cells([0, 0, 0, 1, 9, 0, 6, 4]),
                ], children: [Node("pci@0,0", ["reg": .cells([0, 0, 0, 0, 0]), "device_type": .string("pci")])]),
            Node("gic", ["phandle": .cell(9), "#interrupt-cells": .cell(3)]),
        ]
        let node = try generate(hosts, devices: ["pcie@1000"]).nodes[0]
        #expect(node.node.properties.map(\.name) == ["num-lanes", "reg", "interrupts"])
        #expect(node.node.children == [])
        #expect(fate(node, "#interrupt-cells") == "dropped: leads to the host's interrupt controller")
        #expect(fate(node, "device_type") == "dropped: nothing of its bus lies in the device's regions")
    }

    @Test func `a child that is a device of its own is not there twice`() throws {
        let hosts = [
            Node(
                "glue@0", ["#address-cells": .cell(1), "#size-cells": .cell(1)],
                children: [Node("core@0", ["reg": .cells([0, 0x1000]), "phandle": .cell(7)]), Node("port")]),
            Node("user@1000", ["phys": .cell(7)]),
        ]
        let nodes = try generate(hosts, devices: ["glue@0", "glue@0/core@0"]).nodes
        #expect(nodes[0].node.children.map(\.name) == ["port"])
        // Nothing with an address is left.
        #expect(nodes[0].node[property: "#address-cells"] == nil)
        #expect(fate(nodes[0], "", of: "core@0") == "dropped: glue@0/core@0 is passed through as a device of its own")
        #expect(nodes[1].node.name == "core@c010000")
    }

    @Test func `a hog's pins are its controller's`() throws {
        let hosts = [
            Node(
                "gpio@0", ["gpio-controller": .empty],
                children: [Node("led-hog", ["gpio-hog": .empty, "gpios": .cells([8, 0]), "output-high": .empty])])
        ]
        let node = try generate(hosts, devices: ["gpio@0"]).nodes[0]
        #expect(node.node.children[0].properties.map(\.name) == ["gpio-hog", "gpios", "output-high"])
    }

    @Test func `children and their properties can be deleted`() throws {
        let hosts = [
            Node(
                "d@0",
                children: [
                    Node("a", ["x": .cell(1), "y": .cell(2)], children: [Node("b")]), Node("c", ["x": .cell(1)]),
                ])
        ]
        let node = try generate(
            hosts, devices: ["d@0"], settings: NodeSettings(deletions: ["a/x", "a/b", "/c", "a/none/x", "", "reg"])
        ).nodes[0]
        #expect(node.node.children == [Node("a", ["y": .cell(2)])])
        #expect(node.node.properties.map(\.name) == ["interrupts"])
    }

    // MARK: Supplies

    @Test func `a supply of one voltage is a fixed regulator, and shared`() throws {
        func regulator(_ name: String, _ phandle: UInt32, _ lowest: UInt32, _ highest: UInt32) -> Node {
            Node(
                name,
                [
                    "phandle": .cell(phandle), "regulator-name": .string("VCC 3.3"),
                    "regulator-min-microvolt": .cell(lowest), "regulator-max-microvolt": .cell(highest),
                ])
        }
        let hosts = [
            Node("a@0", ["vcc-supply": .cell(7), "vio-supply": .cell(8), "vq-supply": .cell(9)]),
            Node("b@1000", ["avdd-supply": .cell(7)]), regulator("one", 7, 3_300_000, 3_300_000),
            regulator("two", 8, 3_300_000, 3_300_000), regulator("three", 9, 1_800_000, 3_300_000),
        ]
        let (nodes, shared, _) = try generate(hosts, devices: ["a@0", "b@1000"])
        #expect(shared.map(\.name) == ["regulator-vcc-3-3", "regulator-vcc-3-3-1"])
        #expect(nodes[0].node[property: "vcc-supply"] == nodes[1].node[property: "avdd-supply"])
        #expect(nodes[0].node[property: "vio-supply"] == .cell(11))
        #expect(nodes[0].omitted == ["vq-supply"])
        #expect(fate(nodes[0], "vq-supply") == "dropped: /three: its voltage is not fixed")
    }

    // MARK: What can't be told

    /// A vendor's property that nobody knows: copied, said so, and no node of the guest has its number for a phandle.
    @Test func `a number that could be a phandle leads nowhere`() throws {
        let hosts = [
            Node("d@0", ["vendor,thing": .cells([2, 5]), "vendor,flag": .empty, "plain": .cell(2)]),
            Node("other", ["phandle": .cell(2)]),
        ]
        let explained = try generate(hosts, devices: ["d@0"], explains: true, settings: NodeSettings(label: "it"))
            .nodes[0]
        #expect(explained.node[property: "vendor,thing"] == .cells([2, 5]))
        #expect(explained.node.phandle == Phandle(rawValue: 3))
        #expect(
            fate(explained, "vendor,thing")
                == "copied: taken for plain data, though its first number is also the phandle of /other on the host")
        #expect(fate(explained, "vendor,flag") == "copied: plain data")
        #expect(fate(explained, "plain") == "copied: plain data")
    }

    // MARK: Explanations

    @Test func `dependencies are a tree`() throws {
        let hosts = [
            Node("d@0", ["phys": .cells([7, 1]), "phy-names": .string("usb")]),
            Node("phy", ["phandle": .cell(7), "#phy-cells": .cell(1), "clocks": .cell(8), "vdd-supply": .cell(9)]),
            Node("clock", ["phandle": .cell(8), "#clock-cells": .cell(0)]),
            Node("supply", ["phandle": .cell(9), "vin-supply": .cell(9)]),
        ]
        let node = try generate(hosts, devices: ["d@0"], explains: true).nodes[0]
        let phy = try #require(node.dependencies.first)
        #expect(phy.property == "phys" && phy.name == "usb" && phy.provider == "/phy" && phy.arguments == [1])
        #expect(phy.outcome == "/phy is not passed through")
        #expect(phy.dependencies.map(\.provider) == ["/clock", "/supply"])
        #expect(phy.dependencies.map(\.property) == ["clocks", "vdd-supply"])
        // It feeds itself.
        #expect(phy.dependencies[1].dependencies.map(\.provider) == ["/supply"])
        #expect(phy.dependencies[1].dependencies[0].dependencies == [])
    }

    // MARK: What is known of devices

    @Test func `an xgbe without its PHY's regions is refused`() throws {
        let hosts = [Node("xgmac@0", ["compatible": .string("amd,xgbe-seattle-v1a")])]
        let error = #expect(throws: GuestNodeError.self) { try generate(hosts, devices: ["xgmac@0"]) }
        #expect(
            error?.description == """
                xgmac@0: a guest can't drive this amd,xgbe-seattle-v1a
                  it has 1 regions where its driver needs 5
                """)
    }
}

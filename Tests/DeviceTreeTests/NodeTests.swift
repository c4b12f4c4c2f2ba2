// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct NodeTests {
    private let tree = Tree(
        root: Node(
            "", ["model": .string("test")],
            children: [
                Node("chosen"),
                Node(
                    "soc", [:],
                    children: [
                        Node("serial@9000000", ["status": .string("okay")]), Node("serial@9010000"),
                        Node("rtc@9020000"), Node("bus", [:], children: [Node("phy@1")]),
                    ]),
            ]))

    @Test func `nodes are found by path`() {
        #expect(tree.node(at: "/")?.name == "")
        #expect(tree.node(at: "/soc/serial@9010000")?.name == "serial@9010000")
        #expect(tree.node(at: "/soc/bus/phy@1")?.name == "phy@1")
        #expect(tree.root.node(at: "soc/bus")?.children.count == 1)
        #expect(tree.node(at: "/soc/absent") == nil)
        #expect(tree.node(at: "soc") == nil)
        #expect(tree.node(at: "") == nil)
    }

    @Test func `a unit address may be left out where that leaves no doubt`() {
        #expect(tree.node(at: "/soc/rtc")?.name == "rtc@9020000")
        #expect(tree.node(at: "/soc/bus/phy")?.name == "phy@1")
        #expect(tree.node(at: "/soc/serial") == nil)
        #expect(tree.node(at: "/soc/rtc@") == nil)
        let both = Node("soc", children: [Node("rtc@1"), Node("rtc")])
        #expect(both.child(named: "rtc")?.name == "rtc")
    }

    @Test func `a name is split at its unit address`() {
        #expect(Node("serial@9000000").baseName == "serial")
        #expect(Node("serial@9000000").unitAddress == "9000000")
        #expect(Node("soc").baseName == "soc")
        #expect(Node("soc").unitAddress == nil)
    }

    @Test func `properties are set in place and removed`() {
        var node = Node("n", ["a": .cell(1), "b": .cell(2)])
        node[property: "a"] = .cell(9)
        node[property: "c"] = .empty
        #expect(node.properties == [Property("a", .cell(9)), Property("b", .cell(2)), Property("c", .empty)])
        node[property: "b"] = nil
        node[property: "absent"] = nil
        #expect(node.properties.map(\.name) == ["a", "c"])
        #expect(node[property: "b"] == nil)
        #expect(node[property: "c"] == .empty)
    }

    @Test func `children are added, replaced and removed`() throws {
        var node = Node("soc")
        try node.add(Node("a@1"))
        try node.add(Node("b@2"))
        #expect(throws: DeviceTreeError.duplicateNode(path: "soc/a@1")) { try node.add(Node("a@1")) }
        node.replace(Node("a@1", ["x": .empty]))
        node.replace(Node("c"))
        #expect(node.children == [Node("a@1", ["x": .empty]), Node("b@2"), Node("c")])
        #expect(node.removeChild(named: "b@2") == Node("b@2"))
        #expect(node.removeChild(named: "c@3") == nil)
        #expect(node.children.map(\.name) == ["a@1", "c"])
    }

    @Test func `a node deep in the tree is changed in place`() throws {
        var tree = tree
        let result = tree.update(at: "/soc/bus/phy@1") { node in
            node[property: "reg"] = .cell(1)
            return node.name
        }
        #expect(result == "phy@1")
        #expect(tree.node(at: "/soc/bus/phy@1")?[property: "reg"] == .cell(1))
        #expect(tree.update(at: "/soc/absent", { $0.name = "no" }) == nil)
        tree.update(at: "/") { $0[property: "model"] = nil }
        #expect(tree.root.properties.isEmpty)
        #expect(throws: DeviceTreeError.duplicateNode(path: "/soc")) {
            try tree.update(at: "/") { root throws(DeviceTreeError) in try root.add(Node("soc")) }
        }
    }
}

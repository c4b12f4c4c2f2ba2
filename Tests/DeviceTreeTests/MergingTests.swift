// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import DeviceTree

@Suite struct MergingTests {
    @Test func `nodes and properties of both are there, and the other's count`() {
        var tree = Tree(
            root: Node(
                "", ["model": .string("a"), "x": .cell(1)],
                children: [Node("soc", ["ranges": .empty], children: [Node("a@1", ["reg": .cell(1)])]), Node("b")]),
            reservations: [MemoryReservation(address: 0, size: 1)])
        let other = Tree(
            root: Node(
                "", ["x": .cell(2), "y": .empty],
                children: [
                    Node(
                        "soc", ["ranges": .empty],
                        children: [Node("a@1", ["reg": .cell(1), "z": .empty]), Node("c@2")]),
                    Node("d"),
                ]),
            reservations: [MemoryReservation(address: 0, size: 1), MemoryReservation(address: 8, size: 1)])

        let replaced = tree.merge(other)

        #expect(replaced == [.init(node: "/", property: Property("x", .cell(1)))])
        #expect(tree.root.properties == [.init("model", .string("a")), .init("x", .cell(2)), .init("y", .empty)])
        #expect(tree.root.children.map(\.name) == ["soc", "b", "d"])
        #expect(tree.node(at: "/soc")?.children.map(\.name) == ["a@1", "c@2"])
        #expect(tree.node(at: "/soc/a@1")?.properties.map(\.name) == ["reg", "z"])
        #expect(tree.reservations.map(\.address) == [0, 8])
    }

    @Test func `names are matched as they are`() {
        var tree = Tree(root: Node("", children: [Node("timer@0")]))
        #expect(tree.merge(Tree(root: Node("", children: [Node("timer")]))).isEmpty)
        #expect(tree.root.children.map(\.name) == ["timer@0", "timer"])
    }

    @Test func `labels come and go`() throws {
        var tree = Tree(root: Node("", children: [Node("a")]))
        #expect(tree.labels.isEmpty)
        tree.labels = [("x", "/a"), ("y", "/b")]
        #expect(tree.node(at: "/__symbols__")?.properties.map(\.name) == ["x", "y"])
        tree.labels.removeAll { $0.label == "x" }
        #expect(tree.labels.map(\.path) == ["/b"])
        tree.labels = []
        #expect(tree.root.children.map(\.name) == ["a"])
    }

    @Test func `a node gets a phandle once`() throws {
        var tree = Tree(root: Node("", children: [Node("a", ["phandle": .cell(1)]), Node("b")]))
        #expect(try tree.phandle(ofNodeAt: "/a")?.rawValue == 1)
        #expect(try tree.phandle(ofNodeAt: "/b")?.rawValue == 2)
        #expect(try tree.phandle(ofNodeAt: "/b")?.rawValue == 2)
        #expect(try tree.phandle(ofNodeAt: "/c") == nil)
        #expect(tree.node(at: "/b")?[property: "phandle"] == .cell(2))
    }
}

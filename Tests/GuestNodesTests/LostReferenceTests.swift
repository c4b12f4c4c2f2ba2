// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import Testing

@testable import GuestNodes

/// References of a whole tree that lead nowhere.
@Suite struct LostReferenceTests {
    private func lost(_ properties: [Property], others: [Node] = []) -> [String] {
        let tree = Tree(
            root: Node(
                "",
                children: [
                    Node("one", ["phandle": .cell(1), "#clock-cells": .cell(1), "#interrupt-cells": .cell(2)]),
                    Node("plain", ["phandle": .cell(2)]), Node("dev", properties: properties),
                ]))
        return LostReference.all(in: tree, besides: others).map { "\($0.node) \($0.property) \($0.phandle)" }
    }

    @Test(
        arguments: [
            ("clocks", [1, 7, 9], [9]), ("clocks", [9, 7, 8], [9]), ("clocks", [0, 1, 9, 0], []),
            ("clocks", [1, 7, 1, 8], []), ("clocks", [2, 9], []), ("assigned-clocks", [9, 0], [9]),
            ("assigned-clock-parents", [8], [8]), ("interrupt-affinity", [1, 8, 9], [8, 9]),
            ("phy-handle", [.max], [.max]),
            ("interrupt-parent", [1], []), ("interrupt-parent", [2], [2]), ("interrupt-parent", [9], [9]),
            ("interrupts-extended", [1, 5, 4, 9, 5, 4], [9]), ("pinctrl-0", [2, 9], [9]), ("pinctrl-names", [9], []),
            ("pinctrl-single,function-mask", [9], []), ("msi-map", [0, 2, 0, 9, 5, 9, 0, 1], [9]), ("reg", [9], []),
            ("acme-handle", [2, 9], []), ("acme-handle", [9], [9]), ("acme,number", [9], []), ("vcc-supply", [9], [9]),
        ] as [(String, [UInt32], [UInt32])])
    func `each kind of property`(name: String, cells: [UInt32], expected: [UInt32]) {
        #expect(lost([Property(name, .cells(cells))]) == expected.map { "/dev \(name) \($0)" })
    }

    @Test func `maps are read as their nodes count`() {
        let counts = [Property("#address-cells", .cell(3)), Property("#interrupt-cells", .cell(1))]
        let entry: [UInt32] = [0, 0, 0, 1, 1, 5, 4]
        func map(_ cells: [UInt32]) -> [String] { lost(counts + [Property("interrupt-map", .cells(cells))]) }
        #expect(map(entry + entry) == [])
        #expect(map(entry + [0, 0, 0, 2, 9, 5, 4]) == ["/dev interrupt-map 9"])
        #expect(map(entry + [0, 0, 0, 2, 2, 5, 4]) == ["/dev interrupt-map 2"])
        #expect(map([1, 2]) == [] && map([]) == [])
    }

    @Test func `texts, hogs, labels and aliases are none`() {
        #expect(lost([Property("phy", .string("abc")), Property("leds", .bytes([1, 2, 3]))]) == [])
        #expect(lost([Property("gpio-hog", .empty), Property("gpios", .cells([9, 0]))]) == [])
        let tree = Tree(
            root: Node(
                "",
                children: ["aliases", "__symbols__", "chosen"].map { Node($0, ["phy": .cell(9)]) }))
        #expect(LostReference.all(in: tree).isEmpty)
    }

    @Test func `what is disabled, and what is to come, is told apart`() throws {
        let tree = Tree(
            root: Node(
                "",
                children: [
                    Node(
                        "bus", ["status": .string("disabled")],
                        children: [Node("dev", ["interrupt-parent": .cell(9), "status": .string("okay")])])
                ]))
        let lost = try #require(LostReference.all(in: tree).first)
        #expect(!lost.isEnabled && lost.isInterrupt && lost.reason == .noNode && lost.node == "/bus/dev")
        let controller = Node("x", ["phandle": .cell(9), "#interrupt-cells": .cell(1)])
        #expect(LostReference.all(in: tree, besides: [controller]).isEmpty)
    }

    @Test func `what is removed takes its names along`() {
        var tree = Tree(
            root: Node(
                "",
                children: [
                    Node(
                        "dev",
                        [
                            "clocks": .cell(9), "clock-names": .string("a"), "msi-map": .cells([0, 9, 0, 1]),
                            "msi-map-mask": .cell(1), "phys": .cell(8), "kept": .empty,
                        ])
                ]))
        tree.remove(LostReference.all(in: tree).filter { $0.phandle == 9 })
        #expect(tree.node(at: "/dev")?.properties.map(\.name) == ["phys", "kept"])
    }

    /// 50,000 references that lead nowhere, on as many nodes: in good time.
    @Test(.timeLimit(.minutes(5))) func `a large tree takes linear time`() {
        var tree = Tree(root: Node("", children: (0..<50_000).map { Node("n\($0)", ["phy-handle": .cell(9)]) }))
        let lost = LostReference.all(in: tree)
        #expect(lost.count == 50_000)
        tree.remove(lost)
        #expect(tree.root.children.count { !$0.properties.isEmpty } == 0)
    }
}

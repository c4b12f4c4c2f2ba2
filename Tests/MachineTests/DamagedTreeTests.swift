// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import GuestNodes
import LinuxSystem
import Passthrough
import Testing

@testable import Machine

/// Base trees and overlays with a few things wrong, taken all the way to the guest's tree: an error or a good tree.
@Suite struct DamagedTreeTests {
    private struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            // xorshift64
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        mutating func number(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
    }

    private static let names = [
        "phandle", "interrupt-parent", "interrupts-extended", "msi-parent", "interrupt-affinity", "interrupt-map",
        "compatible",
        "status", "interrupt-controller", "#interrupt-cells", "#address-cells", "device_type", "target-path", "target",
        "bootargs", "reg",
    ]

    private func twist(_ node: inout Node, _ chance: inout Chance) {
        if !node.children.isEmpty, chance.number(below: 5) != 0 {
            return twist(&node.children[chance.number(below: node.children.count)], &chance)
        }
        let name = Self.names[chance.number(below: Self.names.count)]
        switch chance.number(below: 6) {
        case 0: node[property: name] = .cell(UInt32(chance.number(below: 12)))
        case 1:
            node[property: name] = .cells((0..<chance.number(below: 9)).map { _ in UInt32(chance.number(below: 12)) })
        case 2:
            node[property: name] = .bytes((0..<chance.number(below: 9)).map { _ in UInt8(chance.number(below: 256)) })
        case 3: node[property: name] = nil
        case 4: node[property: name] = .string(["/soc", "bus0", "memory", "arm,gic-v3", "/"][chance.number(below: 5)])
        default: if !node.children.isEmpty { node.children.remove(at: chance.number(below: node.children.count)) }
        }
    }

    private static let generated = Tree(
        root: Node(
            "", ["#address-cells": .cell(2), "#size-cells": .cell(2), "interrupt-parent": .cell(1)],
            children: [
                Node("chosen", ["bootargs": .string("x")]),
                Node("memory@80000000", ["device_type": .string("memory"), "reg": .cells64([1, 2])]),
                Node("cpus", children: [Node("cpu@0", ["reg": .cell(0)]), Node("cpu@1", ["reg": .cell(1)])]),
                Node("psci", ["method": .string("hvc")]), Node("timer", ["interrupts": .cells([1, 13, 4])]),
                Node(
                    "interrupt-controller@8000000",
                    [
                        "compatible": .string("arm,gic-v3"), "interrupt-controller": .empty,
                        "#interrupt-cells": .cell(3), "#address-cells": .cell(0),
                    ]),
            ]))

    private static let base = Tree(
        root: Node(
            "", ["#address-cells": .cell(2), "#size-cells": .cell(2), "interrupt-parent": .cell(1)],
            children: [
                Node("aliases", ["bus0": .string("/soc")]),
                Node("cpus", children: [Node("cpu@0", ["phandle": .cell(3)]), Node("cpu@1", ["phandle": .cell(4)])]),
                Node(
                    "soc",
                    children: [
                        Node(
                            "gic",
                            [
                                "compatible": .string("arm,gic-400"), "interrupt-controller": .empty,
                                "#interrupt-cells": .cell(3), "phandle": .cell(1),
                            ], children: [Node("v2m", ["phandle": .cell(2), "msi-controller": .empty])]),
                        Node("pcie", ["msi-parent": .cell(2), "interrupts-extended": .cells([1, 0, 1, 4])]),
                        Node(
                            "bridge",
                            [
                                "#address-cells": .cell(3), "#interrupt-cells": .cell(1),
                                "interrupt-map": .cells([0, 0, 0, 1, 1, 0, 1, 4]), "phandle": .cell(5),
                            ]),
                    ]),
                Node("pmu", ["interrupt-affinity": .cells([3, 4])]),
                Node("__symbols__", ["bridge": .string("/soc/bridge")]),
            ]))

    private static let overlay = Tree(
        root: Node(
            "",
            children: [
                Node(
                    "fragment@0", ["target": .cell(.max)],
                    children: [
                        Node(
                            "__overlay__", ["phandle": .cell(1)],
                            children: [Node("new@1", ["phandle": .cell(2), "phy-handle": .cells([1, 2])])])
                    ]),
                Node(
                    "fragment@1", ["target-path": .string("bus0")],
                    children: [
                        Node(
                            "__overlay__",
                            children: [
                                Node("bridge", ["phandle": .cell(3)], children: [Node("new@1", ["phandle": .cell(4)])])
                            ])
                    ]),
                Node("__fixups__", ["bridge": .string("/fragment@0:target:0")]),
                Node(
                    "__local_fixups__",
                    children: [
                        Node(
                            "fragment@0",
                            children: [
                                Node("__overlay__", children: [Node("new@1", ["phy-handle": .cells([0, 4])])])
                            ])
                    ]),
            ]))

    /// 10,000 in all.
    @Test(.timeLimit(.minutes(5)), arguments: [1, 2, 3, 4])
    func `a damaged base with a damaged overlay gives an error or a good tree`(seed: UInt64) throws {
        var chance = Chance(state: seed &* 0x9E37_79B9_7F4A_7C15)
        var (refused, made) = (0, 0)
        for _ in 0..<2500 {
            var (base, overlay) = (Self.base, Self.overlay)
            for _ in 0..<chance.number(below: 3) { twist(&base.root, &chance) }
            for _ in 0..<chance.number(below: 3) { twist(&overlay.root, &chance) }
            do {
                let tree = try guestTree(base.serialized(), overlay.serialized())
                let copy = try Tree(parsing: tree.serialized(limits: .ofHosts), limits: .ofHosts)
                if copy != tree { Issue.record("seed \(seed): \(copy) is not \(tree)") }
                made += 1
            } catch { refused += 1 }
        }
        #expect(refused > 100 && made > 250 && refused + made == 2500, "\((refused, made))")
    }

    private func guestTree(_ base: [UInt8], _ overlay: [UInt8]) throws -> Tree {
        let base = try BaseTree(TreeFile(key: "base", path: "/b"), blob: base, vcpuCount: 2)
        var phandles = base.phandles
        var generated = Self.generated
        let phandle = try base.interruptController ?? phandles.allocate()
        generated.root[property: "interrupt-parent"] = .phandle(phandle)
        generated.update(at: "/interrupt-controller@8000000") { $0.phandle = phandle }
        var tree = try base.merged(with: generated).tree
        // What the guest's CPUs and interrupts are, no base has a say in.
        let memory = tree.node(at: "/memory@80000000")
        tree.labels = base.labels
        let before = tree
        try tree.apply(Overlay(parsing: overlay, name: "o"))
        try OverlayBounds(overlay: "o", before: before, hasBootArguments: true).check(&tree, log: .silent)
        tree.labels = []
        for name in ["reg", "device_type"] {
            #expect(tree.node(at: "/memory@80000000")?[property: name] == memory?[property: name])
        }
        #expect(tree.node(at: "/chosen")?[property: "bootargs"] == .string("x"))
        _ = LostReference.all(in: tree)
        return tree
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import Testing

@testable import GuestNodes

@Suite struct ReferenceRuleTests {
    @Test func `the generated lists are sorted, and each name is found`() {
        for (count, names) in BindingReferences.fixed {
            #expect(names == names.sorted())
            for name in names { #expect(ReferenceRule.byBindings(name)?.arguments == .fixed(count), "\(name)") }
        }
        #expect(BindingReferences.unsaid == BindingReferences.unsaid.sorted())
        for name in BindingReferences.unsaid {
            #expect(ReferenceRule.byBindings(name)?.arguments == .between(0...16), "\(name)")
        }
        for (name, counts) in BindingReferences.between {
            #expect(ReferenceRule.byBindings(name)?.arguments == .between(counts), "\(name)")
        }
        for (name, cells) in BindingReferences.counted {
            #expect(ReferenceRule.byBindings(name)?.arguments == .counted(by: cells, otherwise: nil), "\(name)")
        }
        let all =
            BindingReferences.fixed.flatMap(\.names) + BindingReferences.unsaid + BindingReferences.ambiguous
            + BindingReferences.between.map(\.name) + BindingReferences.counted.map(\.name)
        #expect(Set(all).count == all.count)
        #expect(all.count > 300)
    }

    @Test(arguments: [
        ("intf_mode", ReferenceRule.Arguments.fixed(1)), ("snps,mtl-rx-config", .fixed(0)),
        ("fsl,stop-mode", .fixed(2)), ("qcom,halt-regs", .between(1...4)), ("fsl,fman-ports", .between(0...16)),
        ("sound-dai", .counted(by: "#sound-dai-cells", otherwise: nil)), ("mediatek,some-syscon", .rest),
        ("pinctrl-12", .fixed(0)), ("reset-gpios", .counted(by: "#gpio-cells", otherwise: nil)),
    ])
    func `what refers to nodes`(name: String, arguments: ReferenceRule.Arguments) {
        #expect(ReferenceRule(property: name)?.arguments == arguments)
    }

    @Test(arguments: [
        "pinctrl-single,pins", "pinctrl-single,register-width", "pinctrl-", "pinctrl-names", "snps,nr-gpios",
        "fsl,tuning-step", "dma-masters", "bus-width", "#vendor,sensors",
    ])
    func `what doesn't`(name: String) { #expect(ReferenceRule(property: name) == nil) }

    @Test func `what is a number by its binding, or by its unit`() {
        for name in ["fsl,tuning-step", "linux,code", "cell-index", "vendor,delay-ms"] {
            #expect(BindingNumbers.contains(name), "\(name)")
        }
        for name in ["vendor,config", "regmap", "linux", "code", ""] {
            #expect(!BindingNumbers.contains(name), "\(name)")
        }
    }

    /// References of a device of its own to its children: they are rewritten as far as the value's shape is clear.
    private func value(
        _ name: String, _ cells: [UInt32], _ children: [Node], others: [Node] = []
    ) throws -> (value: [UInt32]?, fate: PropertyFate?, children: [UInt32?]) {
        let device = Node("d", properties: [Property(name, .cells(cells))], children: children)
        var generator = NodeGenerator(
            tree: HostTree(Tree(root: Node("", children: [device] + others))), phandles: PhandleAllocator(),
            explains: true)
        let request = NodeRequest(name: "d", path: "/d", regions: [], interrupts: [])
        let node = try #require(try generator.generate([request]).first)
        return (
            node.node[property: name]?.cells, node.fates.first { $0.property == name },
            node.node.children.map { $0.phandle?.rawValue }
        )
    }

    private func child(_ name: String, _ phandle: UInt32) -> Node { Node(name, ["phandle": .cell(phandle)]) }

    @Test func `neighbours are a list`() throws {
        let result = try value("fsl,fman-ports", [5, 6], [child("a", 5), child("b", 6)])
        #expect(result.value == [7, 8])
        #expect(result.children == [7, 8])
    }

    @Test func `one node and a number may be two nodes`() throws {
        let result = try value("allwinner,sram", [5, 1], [child("a", 5)], others: [child("other", 1)])
        #expect(result.value == nil)
        #expect(result.fate?.reason == "its binding doesn't say where an entry ends")
    }

    @Test func `one node and a number that is none`() throws {
        let result = try value("allwinner,sram", [5, 1], [child("a", 5)])
        #expect(result.value == [6, 1])
    }

    @Test func `numbers before the phandle stay`() throws {
        let result = try value("rockchip,pins", [3, 4, 1, 5, 0, 4, 2, 5], [child("a", 5)])
        #expect(result.value == [3, 4, 1, 6, 0, 4, 2, 6])
    }

    @Test func `a flag of a reference's name stays`() throws {
        #expect(try value("bitclock-master", [], [child("a", 5)]).value == [])
        #expect(try value("bitclock-master", [5], [child("a", 5)]).value == [6])
    }

    // MARK: Names that nobody knows

    @Test func `an own child's phandle that nothing else explains is a reference`() throws {
        let result = try value("vendor,config", [5], [child("a", 5)])
        #expect(result.value == [6])
        #expect(result.fate?.reason == "a reference, since nothing else refers to /d/a")
    }

    @Test(arguments: ["linux,code", "reg"]) func `a number by its binding stays one`(name: String) throws {
        let child = Node("c", properties: [Property(name, .cells([5]))])
        let device = Node("d", children: [self.child("a", 5), child])
        var generator = NodeGenerator(
            tree: HostTree(Tree(root: Node("", children: [device]))), phandles: PhandleAllocator(),
            explains: true)
        let request = NodeRequest(name: "d", path: "/d", regions: [], interrupts: [])
        let node = try #require(try generator.generate([request]).first)
        #expect(node.node.children[1].properties == [Property(name, .cells([5]))])
    }

    @Test func `one that something refers to is a number`() throws {
        let result = try value("vendor,count", [5], [child("a", 5), Node("b", ["phy-handle": .cell(5)])])
        #expect(result.value == [5])
        #expect(result.fate?.reason == "plain data")
    }

    @Test func `where labels have phandles, nothing can be told`() throws {
        let result = try value("vendor,config", [5], [child("a", 5)], others: [Node("__symbols__")])
        #expect(result.value == [5])
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import Testing

/// Overlays that dtc makes, laid over a small tree by libfdt.
@Suite(.enabled(if: Dtc.isAvailable, "dtc is not installed"))
struct OverlayTests {
    /// An interrupt controller with a phandle, and a device without one.
    private static let base: Tree = {
        var tree = Tree(
            root: Node(
                "", ["#address-cells": .cell(2), "#size-cells": .cell(2), "interrupt-parent": .cell(1)],
                children: [
                    Node("gic@8000000", ["phandle": .cell(1)]),
                    Node(
                        "soc",
                        children: [
                            Node("rtc@9010000", ["compatible": .string("arm,pl031"), "status": .string("okay")])
                        ]),
                ]), reservations: [MemoryReservation(address: 0x8000_0000, size: 0x1000)])
        tree.root.children.append(Node("aliases", ["bus0": .string("/soc")]))
        tree.labels = [("gic", "/gic@8000000"), ("rtc", "/soc/rtc@9010000"), ("lost", "/nowhere")]
        return tree
    }()

    private func blob(_ source: String, labels: Bool = true) throws -> [UInt8] {
        let output = try Dtc.run(
            (labels ? ["-@"] : []) + ["-q", "-q", "-I", "dts", "-O", "dtb"], input: Array(source.utf8))
        try #require(output.status == 0, "\(output.messages)")
        return output.bytes
    }

    private func overlay(_ source: String) throws -> Overlay {
        try Overlay(parsing: try blob("/dts-v1/; /plugin/;\n" + source), name: "test.dtbo")
    }

    private func applied(_ sources: String...) throws -> Tree {
        var tree = Self.base
        for source in sources { try tree.apply(try overlay(source)) }
        return tree
    }

    /// What applying `source` fails with; the tree has to be as it was.
    private func problem(_ source: String) throws -> OverlayProblem? {
        let overlay = try overlay(source)
        var tree = Self.base
        do {
            try tree.apply(overlay)
            return nil
        } catch {
            #expect(tree == Self.base)
            guard case .overlay("test.dtbo", let problem) = error else {
                Issue.record("\(error)")
                return nil
            }
            return problem
        }
    }

    // MARK: What it does

    @Test func `properties and nodes are added and replaced`() throws {
        let tree = try applied(
            "&rtc { status = \"disabled\"; new = <1 2>; port@0 { reg = <0>; }; }; &{/soc} { flag; };")

        let rtc = try #require(tree.node(at: "/soc/rtc@9010000"))
        #expect(rtc[property: "status"] == .string("disabled"))
        #expect(rtc[property: "new"] == .cells([1, 2]))
        #expect(rtc[property: "compatible"] == .string("arm,pl031"))
        #expect(rtc.child(named: "port@0")?[property: "reg"] == .cell(0))
        #expect(tree.node(at: "/soc")?[property: "flag"] == .empty)
        #expect(tree.reservations == Self.base.reservations)
    }

    @Test func `a label becomes a phandle, which its node gets where it has none`() throws {
        let tree = try applied("&rtc { interrupts-extended = <&gic 0 7 4>; self = <0 &rtc>; };")

        let rtc = try #require(tree.node(at: "/soc/rtc@9010000"))
        #expect(rtc[property: "interrupts-extended"] == .cells([1, 0, 7, 4]))
        let own = try #require(rtc.phandle)
        #expect(own.rawValue != 1)
        #expect(rtc[property: "self"] == .cells([0, own.rawValue]))
        #expect(tree.node(at: "/gic@8000000")?.phandle?.rawValue == 1)
    }

    @Test func `an overlay's own references stay its own`() throws {
        let tree = try applied(
            "&{/} { clk: clock { #clock-cells = <0>; }; user { clocks = <&clk>; }; };",
            "&{/} { other: clock2 { #clock-cells = <0>; }; user2 { clocks = <&other>; }; };")

        for (user, clock) in [("/user", "/clock"), ("/user2", "/clock2")] {
            #expect(tree.node(at: user)?[property: "clocks"]?.phandle.flatMap(tree.path) == clock)
        }
    }

    @Test func `a later overlay may use an earlier one's labels`() throws {
        let tree = try applied("&{/} { clk: clock { }; };", "&rtc { clocks = <&clk>; };", "&clk { x; };")

        #expect(tree.node(at: "/clock")?[property: "x"] == .empty)
        #expect(
            tree.node(at: "/soc/rtc@9010000")?[property: "clocks"]?.phandle.flatMap(tree.path) == "/clock")
        #expect(tree.labels.contains { $0.label == "clk" && $0.path == "/clock" })
    }

    @Test func `a big overlay finds room`() throws {
        let nodes = (0..<2000).map { "node\($0) { property-\($0) = <\($0)>; };" }.joined(separator: "\n")
        let tree = try applied("&rtc { \(nodes) };")
        #expect(tree.node(at: "/soc/rtc@9010000")?.children.count == 2000)
    }

    @Test func `the example's blob is what dtc makes of its source`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../configs/overlays/rtc")
        let source = try String(contentsOf: file.appendingPathExtension("dtso"), encoding: .utf8)
        let compiled = Array(try Data(contentsOf: file.appendingPathExtension("dtbo")))
        #expect(
            try Overlay(parsing: blob(source), name: "x").tree == Overlay(parsing: compiled, name: "x").tree)
    }

    @Test func `the example of a base is what dtc makes of its source`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../configs/bases/xen-rtc")
        let source = try String(contentsOf: file.appendingPathExtension("dts"), encoding: .utf8)
        let compiled = Array(try Data(contentsOf: file.appendingPathExtension("dtb")))
        #expect(try Tree(parsing: blob(source, labels: false)) == Tree(parsing: compiled))
    }

    // MARK: What is refused

    @Test func `a label that there isn't is told with the node that wants it`() throws {
        #expect(
            try problem("&rtc { child { clocks = <7 &clk>; }; };")
                == .unknownLabel(
                    "clk", node: "/fragment@0/__overlay__/child", property: "clocks", known: ["gic", "lost", "rtc"]))
        #expect(
            try problem("&rtc1 { x; };")
                == .unknownLabel("rtc1", node: "/fragment@0", property: "target", known: ["gic", "lost", "rtc"]))
        // It is listed, but its node is gone.
        guard case .unknownLabel("lost", _, _, _) = try problem("&lost { x; };") else {
            Issue.record("a label without a node was taken")
            return
        }
    }

    @Test func `a path that there isn't is told with the fragment`() throws {
        #expect(
            try problem("&rtc { x; }; &{/soc/uart@1} { x; };")
                == .noTarget(fragment: "/fragment@1", path: "/soc/uart@1"))
    }

    @Test func `a tree is no overlay`() throws {
        let tree = try blob("/dts-v1/; / { model = \"m\"; };")
        let error = #expect(throws: DeviceTreeError.self) { try Overlay(parsing: tree, name: "a.dtb") }
        #expect(error == .overlay("a.dtb", .noFragment))
        #expect(error == .overlay("a.dtb", .noFragment))
    }

    @Test func `a truncated blob is an error with its name`() throws {
        let whole = try blob("/dts-v1/; /plugin/; &rtc { x; };")
        for count in 0..<whole.count {
            let error = #expect(throws: DeviceTreeError.self, "\(count)") {
                try Overlay(parsing: Array(whole.prefix(count)), name: "cut.dtbo")
            }
            guard case .overlay("cut.dtbo", .tree(.malformedBlob))? = error else {
                Issue.record("\(count): \(String(describing: error))")
                return
            }
        }
    }

    @Test func `what is too big or too deep is refused`() throws {
        let bytes = String(repeating: "00", count: Overlay.maximumByteCount)
        let big = try blob("/dts-v1/; /plugin/; &rtc { x = [\(bytes)]; };")
        let error = #expect(throws: DeviceTreeError.self) { try Overlay(parsing: big, name: "big.dtbo") }
        #expect(
            error
                == .overlay("big.dtbo", .tree(.limitExceeded(.byteCount, limit: Overlay.maximumByteCount, place: "/"))))

        // 63 levels are as many as there may be, in the overlay as in the tree that comes of it.
        let deep = String(repeating: "n { ", count: 60) + String(repeating: "}; ", count: 60)
        var tree = try applied("&rtc { low: low { }; };")
        try tree.apply(try overlay("&rtc { \(deep) };"))
        #expect(throws: DeviceTreeError.self) { try tree.apply(try overlay("&low { \(deep) };")) }
        #expect(throws: DeviceTreeError.self) { try overlay("&rtc { m { \(deep) }; };") }
    }

    @Test func `a label on a node that has a phandle doesn't cost it that`() throws {
        // libfdt before 1.7 would replace the phandle to which all interrupts of the tree lead.
        let tree = try applied(
            """
            / {
                fragment@0 { target = <&gic>; mine: __overlay__ { x; }; };
                fragment@1 { target = <&rtc>; __overlay__ { parent = <&mine>, <7>, <&mine>; }; };
                fragment@2 { target = <&mine>; __overlay__ { y; one: n { }; }; };
                fragment@3 { target = <&gic>; __overlay__ { z = <&one &two>; two: n { }; }; };
            };
            """)
        #expect(tree.node(at: "/gic@8000000")?.phandle?.rawValue == 1)
        #expect(tree.node(at: "/soc/rtc@9010000")?[property: "parent"] == .cells([1, 7, 1]))
        #expect(tree.node(at: "/gic@8000000")?[property: "x"] == .empty)
        #expect(tree.node(at: "/gic@8000000")?[property: "y"] == .empty)
        let inner = try #require(tree.node(at: "/gic@8000000/n")?.phandle)
        #expect(tree.node(at: "/gic@8000000")?[property: "z"] == .cells([inner.rawValue, inner.rawValue]))
    }

    @Test func `a label on a target that gets its phandle by the overlay`() throws {
        // As Raspberry Pi's overlays have it, for parameters that are not in use here.
        let tree = try applied(
            """
            / {
                fragment@0 { target = <&rtc>; frag: __overlay__ { speed = <115200>; status = "okay"; }; };
                fragment@1 { target = <&gic>; __overlay__ { acme,radio = <&frag>; }; };
                __overrides__ { speed = <&frag>, "speed:0"; };
            };
            """)
        let rtc = try #require(tree.node(at: "/soc/rtc@9010000"))
        #expect(rtc[property: "speed"] == .cell(115200))
        let radio = tree.node(at: "/gic@8000000")?[property: "acme,radio"]?.phandle
        #expect(radio != nil && radio == rtc.phandle)
    }

    @Test func `two fragments may add the same node, each with a label`() throws {
        let tree = try applied(
            """
            / {
                fragment@0 { target = <&rtc>; __overlay__ { a: new@1 { one; inner: inner {}; };
                    user1 { to = <&a>; }; }; };
                fragment@1 { target = <&rtc>; __overlay__ {
                    b: new@1 { two; both = <&a &b>; other: inner {}; }; user2 { to = <&b &inner &other>; };
                }; };
            };
            """)
        let rtc = try #require(tree.node(at: "/soc/rtc@9010000"))
        let node = try #require(rtc.child(named: "new@1"))
        let phandle = try #require(node.phandle)
        let inner = try #require(node.child(named: "inner")?.phandle)
        #expect(node[property: "one"] == .empty && node[property: "two"] == .empty)
        #expect(node[property: "both"] == .cells([phandle.rawValue, phandle.rawValue]))
        #expect(rtc.child(named: "user1")?[property: "to"] == .phandle(phandle))
        #expect(
            rtc.child(named: "user2")?[property: "to"] == .cells([phandle.rawValue, inner.rawValue, inner.rawValue]))
        #expect(tree.path(of: phandle) == "/soc/rtc@9010000/new@1")
    }

    @Test func `two overlays may add the same node, each with a label`() throws {
        let source = "&rtc { a: new@1 { x; }; user { to = <&a>; }; };"
        let tree = try applied(
            source,
            source.replacing("user", with: "user2").replacing("a:", with: "b:").replacing(
                "&a", with: "&b"))
        let rtc = try #require(tree.node(at: "/soc/rtc@9010000"))
        let phandle = try #require(rtc.child(named: "new@1")?.phandle)
        for user in ["user", "user2"] { #expect(rtc.child(named: user)?[property: "to"] == .phandle(phandle)) }
    }

    @Test func `an alias stands for the beginning of a target-path`() throws {
        var base = Self.base
        base.root.replace(
            Node("aliases", ["bus0": .string("/soc"), "loop": .string("loop"), "lost": .string("/nowhere")]))
        func applied(_ target: String) throws -> Tree {
            var tree = base
            try tree.apply(
                overlay("/ { fragment@9 { target-path = \"\(target)\"; __overlay__ { x; l: new { }; }; }; };"))
            return tree
        }
        #expect(try applied("bus0").node(at: "/soc")?[property: "x"] == .empty)
        let tree = try applied("bus0/rtc@9010000")
        #expect(tree.node(at: "/soc/rtc@9010000")?[property: "x"] == .empty)
        #expect(tree.labels.contains { $0.label == "l" && $0.path == "/soc/rtc@9010000/new" })
        func problem(_ target: String) -> DeviceTreeError? {
            #expect(throws: DeviceTreeError.self) { try applied(target) }
        }
        for alias in ["bus1", "loop"] {
            #expect(
                problem(alias)
                    == .overlay(
                        "test.dtbo", .noAlias(fragment: "/fragment@9", alias: alias, known: ["bus0", "loop", "lost"])))
        }
        #expect(problem("lost") == .overlay("test.dtbo", .noTarget(fragment: "/fragment@9", path: "/nowhere")))
        #expect(
            problem("bus1")?.description == """
                test.dtbo: /fragment@9: /aliases of the guest's device tree has no path for bus1, its target-path
                  use a label or an absolute path, or one of its aliases: bus0, loop, lost
                """)
    }

    // MARK: Places that lead elsewhere

    private let fragment = Node(
        "fragment@0", ["target-path": .string("/soc")], children: [Node("__overlay__", ["a": .cells([1, 2])])])

    private func error(_ children: Node...) -> OverlayProblem? {
        do {
            let tree = Tree(root: Node("", children: [fragment] + children))
            _ = try Overlay(parsing: try tree.serialized(), name: "x")
            return nil
        } catch {
            guard case DeviceTreeError.overlay("x", let problem) = error else {
                Issue.record("\(error)")
                return nil
            }
            return problem
        }
    }

    @Test(arguments: [
        "", "a", "/fragment@0/__overlay__:a", "/fragment@0/__overlay__:a:", "/fragment@0/__overlay__:b:0",
        "/fragment@0/__overlay__:a:5", "/fragment@0/__overlay__:a:-4", "/fragment@0/__overlay__:a:+4",
        "/fragment@0/__overlay__:a: 4", "/fragment@0/__overlay__:a:4294967292", "/fragment@0/__overlay__:a:0:0",
        "/fragment@0/__overlay__:a:99999999999999999999", "/fragment/__overlay__:a:0", "fragment@0/__overlay__:a:0",
        "//fragment@0/__overlay__:a:0", "/fragment@0/__overlay__/:a:0", "/nowhere:a:0", ":a:0",
    ])
    func `a fixup outside the overlay`(place: String) {
        #expect(
            error(Node("__fixups__", ["label": .string(place)])) == .badReference(label: "label", place: place))
    }

    @Test func `fixups that are no text`() {
        #expect(
            error(Node("__fixups__", ["label": .cell(0x4142_4344)])) == .badReference(label: "label", place: nil))
        #expect(error(Node("__fixups__", ["label": .empty])) == .badReference(label: "label", place: nil))
        #expect(error(Node("__fixups__", ["label": .string("/fragment@0/__overlay__:a:4")])) == nil)
    }

    @Test(arguments: [PropertyValue.cell(5), .cell(.max), .cell(0x8000_0000), .cells([0, 8]), .bytes([0, 0, 0])])
    func `a local fixup outside the overlay`(offsets: PropertyValue) {
        let places = Node(
            "__local_fixups__",
            children: [Node("fragment@0", children: [Node("__overlay__", ["a": offsets])])])
        #expect(error(places) == .badLocalReference(node: "/fragment@0/__overlay__", property: "a"))
    }

    @Test func `local fixups of what isn't there`() {
        #expect(
            error(Node("__local_fixups__", ["b": .cell(0)])) == .badLocalReference(node: "/", property: "b"))
        #expect(
            error(Node("__local_fixups__", children: [Node("fragment")]))
                == .badLocalReference(node: "/fragment", property: nil))
        #expect(error(Node("__local_fixups__", children: [Node("fragment@0")])) == nil)
    }

    @Test func `paths and symbols without an end`() {
        let badPath = Node("fragment@1", ["target-path": .bytes([0x2F, 0x61])], children: [Node("__overlay__")])
        #expect(error(badPath) == .badTarget(fragment: "/fragment@1"))
        let empty = Node("fragment@1", ["target-path": .string("")], children: [Node("__overlay__")])
        #expect(error(empty) == .badTarget(fragment: "/fragment@1"))
        let alias = Node("fragment@1", ["target-path": .string("serial0")], children: [Node("__overlay__")])
        #expect(error(alias) == nil)
        #expect(error(Node("__symbols__", ["s": .bytes([0x2F])])) == .badSymbol("s"))
        #expect(error(Node("__symbols__", ["s": .string("here")])) == .badSymbol("s"))
    }

    @Test func `a fragment without a target is an error`() throws {
        #expect(error(Node("fragment@1", children: [Node("__overlay__")])) == .badTarget(fragment: "/fragment@1"))
        #expect(error(Node("no-fragment")) == nil)
    }

    // MARK: Damaged ones

    /// 20,000 overlays with a few things wrong, of sources that use everything: an error or a good tree, never a crash.
    @Test(.timeLimit(.minutes(5)), arguments: [21, 22, 23, 24])
    func `a damaged overlay gives an error or a tree`(seed: UInt64) throws {
        // Arrange
        let blobs = try [
            "&rtc { interrupts-extended = <&gic 0 7 4 &rtc>; child { x = <&gic>; }; };",
            """
            &{/soc} { clk: clock { #clock-cells = <0>; }; user { clocks = <&clk 1 &clk>; }; };
            &gic { extra: extra { a = "text"; }; };
            """,
            "&{/} { a: b { phandle = <0x10>; c = <&a>; d { e = <&rtc>; }; }; }; &a { f; };",
            """
            / {
                fragment@0 { target = <&gic>; a: __overlay__ { b: n@1 { o = <&a &b>; }; }; };
                fragment@1 { target = <&b>; __overlay__ { c: n { p = <&c>; }; }; };
                fragment@2 { target-path = "bus0/rtc@9010000"; d: __overlay__ { q = <&d &b>; }; };
                fragment@3 { target = <&a>; __overlay__ { e: n@1 { r = <&e>; }; }; };
            };
            """,
        ].map { try blob("/dts-v1/; /plugin/;\n" + $0) }
        var source = RandomTrees(seed: seed)
        var (refused, failed, applied) = (0, 0, 0)

        // Act
        for round in 0..<5000 {
            let blob = blobs[round % blobs.count]
            // Half of them are whole blobs with nonsense in them, which gets further.
            let damaged =
                round % 2 == 0 ? source.damaged(blob) : try source.twisted(Tree(parsing: blob)).serialized()
            guard let overlay = try? Overlay(parsing: damaged, name: "x") else {
                refused += 1
                continue
            }
            var tree = Self.base
            do {
                try tree.apply(overlay)
                applied += 1
                let copy = try Tree(parsing: tree.serialized(limits: .ofHosts), limits: .ofHosts)
                if copy != tree { Issue.record("seed \(seed): \(copy) is not \(tree)") }
            } catch { failed += 1 }
        }

        // Assert
        #expect(refused + failed + applied == 5000)
        #expect(refused > 500 && failed > 50 && applied > 200, "\((refused, failed, applied))")
    }
}

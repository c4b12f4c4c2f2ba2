// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import Testing

@testable import GuestNodes

/// What is said of the cases from real boards (`NodeFixture.cases`), whose nodes `NodeFixtureTests` compares.
@Suite(.enabled(if: NodeFixture.dtc != nil, "dtc (package device-tree-compiler) is not on the PATH"))
struct NodeCaseTests {
    /// The guest's node of a case, explained.
    private func node(
        _ name: String, explains: Bool = true, isStrict: Bool = false, clocks: [String: UInt32] = [:]
    ) throws -> (node: GuestNode, shared: [Node], host: Tree) {
        var fixture = try #require(NodeFixture.cases.first { $0.name == "case-\(name)" })
        for index in fixture.devices.indices {
            fixture.devices[index].settings.isStrict = isStrict
            fixture.devices[index].settings.clocks = clocks
        }
        let host = try fixture.hostTree()
        var generator = NodeGenerator(
            tree: HostTree(host), phandles: try NodeFixtureTests.allocator(), explains: explains)
        let nodes = try generator.generate(try fixture.requests(host))
        return (try #require(nodes.first), generator.shared.nodes, host)
    }

    private func fate(_ node: GuestNode, _ path: String) throws -> PropertyFate {
        try #require(node.fates.first { $0.path == path }, "\(path)")
    }

    private static func phandles(_ node: Node) -> [UInt32] {
        (node.phandle.map { [$0.rawValue] } ?? []) + node.children.flatMap(phandles)
    }

    @Test(arguments: NodeFixture.all + NodeFixture.cases)
    func `no node of the guest has a phandle that the host has`(fixture: NodeFixture) throws {
        let host = try fixture.hostTree()
        var generator = NodeGenerator(tree: HostTree(host), phandles: try NodeFixtureTests.allocator())
        let nodes = try generator.generate(try fixture.requests(host))
        let highest = Self.phandles(host.root).max() ?? 0
        let guests = nodes.flatMap { Self.phandles($0.node) } + generator.shared.nodes.flatMap(Self.phandles)
        #expect(guests.allSatisfy { $0 > highest }, "\(guests), the host's highest is \(highest)")
    }

    @Test(arguments: [
        ("list-of-vendor-refs", "fsl,fman-ports"), ("unprefixed-alias", "ptp-timer"),
        ("unprefixed-register-block", "intf_mode"),
    ])
    func `a reference by the bindings is named as a loss, with what mends it`(name: String, property: String) throws {
        let node = try node(name).node
        let fate = try fate(node, property)
        #expect(fate.fate == .dropped)
        #expect(node.omitted.contains(property))
        #expect(fate.advice?.hasPrefix("A driver that needs it does not start: pass /") == true)
        let error = #expect(throws: GuestNodeError.self) { try self.node(name, isStrict: true) }
        #expect(error?.description.contains("\n  \(property): ") == true, "\(error as Any)")
    }

    @Test func `numbers are plain data, and no note cries wolf`() throws {
        let node = try node("numbers-not-references").node
        for name in ["fsl,tuning-step", "vendor,width-bits", "#vendor,sensors"] {
            let fate = try fate(node, name)
            #expect(fate.fate == .copied && fate.reason == "plain data" && fate.advice == nil)
        }
    }

    @Test(arguments: [true, false])
    func `a driver that insists on its reset line gets one of the guest's controller`(isStrict: Bool) throws {
        let node = try node("needed-reset", isStrict: isStrict).node
        let fate = try fate(node, "resets")
        #expect(fate.fate == .rewritten && fate.advice == nil)
        #expect(fate.reason == "/reset-controller@5000000: a line of the guest's reset controller")
        #expect(try self.fate(node, "reset-names").fate == .copied)
    }

    @Test(arguments: [true, false]) func `two power domains are a warning`(explains: Bool) throws {
        let node = try node("two-power-domains", explains: explains).node
        #expect(node.warnings.count == 1)
        let warning = try #require(node.warnings.first)
        #expect(
            warning.hasPrefix(
                "power-domains: it has 2 power domains, and Linux and VFIO turn on one at most: they may turn off"))
        #expect(warning.contains("\n  Keep them on while the guest runs"))
        #expect(node.omitted == ["power-domains"])
        // Nor does what it depends on say that they stay on.
        #expect(!node.dependencies.map(\.outcome).contains("the host keeps the device powered"))
        #expect(node.dependencies.map(\.outcome).isEmpty != explains)
    }

    @Test func `a primecell's bus clock is a stand-in`() throws {
        let fate = try fate(try node("primecell-bus-clock", isStrict: true).node, "clocks")
        #expect(
            fate.reason == """
                /clock-controller@5000000: a fixed clock of 24000000 Hz (a placeholder: Linux needs the clock and \
                never reads its rate)
                """)
        #expect(fate.advice == nil)
    }

    @Test func `a provider is described once, and the keys to set are named`() throws {
        let node = try node("repeated-provider").node
        #expect(node.dependencies.map(\.dependencies.count) == [4, 0, 0, 0])
        #expect(node.dependencies.map(\.isToldAbove) == [false, true, true, true])
        let fate = try fate(node, "clocks")
        #expect(
            fate.reason == """
                /clock-controller@5000000: its rate is not fixed, and its node doesn't tell its name in the host's kernel \
                (4 times)
                """)
        #expect(
            fate.advice == """
                A driver that needs one of these clocks does not start: set device_tree.clocks to the rates in Hz of \
                "w", "x", "y", "z", or of "*" for all of them.
                """)
    }

    @Test func `one key gives all clocks of unknown rate a rate`() throws {
        let (node, shared, _) = try node(
            "repeated-provider", isStrict: true, clocks: ["*": 24_000_000, "x": 48_000_000])
        #expect(
            shared.map { $0[property: "clock-frequency"]?.cell } == [24_000_000, 48_000_000, 24_000_000, 24_000_000])
        #expect(node.node[property: "clocks"]?.cells == shared.map { $0.phandle?.rawValue })
        #expect(node.node[property: "clock-names"] == .strings(["w", "x", "y", "z"]))
        #expect(try fate(node, "clocks").reason.contains("(from the configuration's \"*\")"))
    }

    @Test func `a fixed clock keeps its rate`() throws {
        let (_, shared, _) = try node("needed-reset", clocks: ["*": 1000])
        #expect(shared.map { $0[property: "clock-frequency"]?.cell } == [48_000_000])
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import PlatformBus
import Testing

@testable import GuestNodes

/// What the host knows of a device in the guest's node, and what its driver misses there.
@Suite struct NodeRecordTests {
    /// A host whose device's properties are given.
    private func tree(_ properties: [Property], name: String = "net@2000000") -> Tree {
        var root = Node("", ["#address-cells": .cell(2), "#size-cells": .cell(2)])
        root.children = [
            Node(
                "oscillator",
                [
                    "compatible": .string("fixed-clock"), "#clock-cells": .cell(0),
                    "clock-frequency": .cell(24_000_000),
                    "phandle": .cell(2),
                ]),
            Node(
                "cru@100",
                [
                    "compatible": .string("v,cru"), "reg": .cells64([0x100, 0x10]), "#clock-cells": .cell(1),
                    "#reset-cells": .cell(1), "phandle": .cell(3),
                ]),
            Node(
                "ldo",
                [
                    "regulator-name": .string("vdd"), "regulator-min-microvolt": .cell(900_000),
                    "regulator-max-microvolt": .cell(3_300_000), "phandle": .cell(4),
                ]),
            Node(
                "phys@200", ["compatible": .string("v,phys"), "reg": .cells64([0x200, 0x10])],
                children: [Node("port", ["#phy-cells": .cell(0), "phandle": .cell(5)])]),
            Node(
                "grf@300",
                [
                    "compatible": .strings(["v,grf", "syscon"]), "reg": .cells64([0x300, 0x10]), "phandle": .cell(6),
                ]),
            Node("power", ["#power-domain-cells": .cell(1), "phandle": .cell(7)]),
        ]
        var device = Node(name)
        device.properties = properties + [Property("reg", .cells64([0x200_0000, 0x1000]))]
        root.children.append(device)
        return Tree(root: root)
    }

    private func generate(
        _ properties: [Property], record: HostRecord? = nil, settings: NodeSettings = NodeSettings(),
        voltages: [String: UInt32] = [:]
    ) throws -> (node: GuestNode, shared: [Node]) {
        var request = NodeRequest(
            name: "2000000.net", path: "/net@2000000",
            regions: [try #require(GuestRange(base: GuestAddress(0xC00_0000), size: 0x1000))], interrupts: [],
            settings: settings)
        request.record = record
        var generator = NodeGenerator(
            tree: HostTree(tree(properties), voltages: voltages), phandles: try NodeFixtureTests.allocator(),
            explains: true)
        return (try #require(try generator.generate([request]).first), generator.shared.nodes)
    }

    private func record(_ clocks: [(HostRecord.Connection, UInt64)]) -> HostRecord {
        var record = HostRecord()
        record.clocks = clocks.enumerated().map {
            .init(name: "clk\($0.offset)", connection: $0.element.0, rate: $0.element.1, power: .on)
        }
        return record
    }

    private let clocks = [
        Property("compatible", .string("v,unknown")), Property("clocks", .cells([3, 7, 2, 3, 9])),
        Property("clock-names", .strings(["core", "osc", "bus"])),
    ]

    private func rates(_ result: (node: GuestNode, shared: [Node])) -> [UInt32?] {
        (result.node.node[property: "clocks"]?.cells ?? []).map { cell in
            result.shared.first { $0.phandle?.rawValue == cell }?[property: "clock-frequency"]?.cell
        }
    }

    // MARK: Rates

    @Test func `the record has the rates that nobody else has, by name`() throws {
        let known = record([(.named("bus"), 100_000_000), (.named("core"), 250_000_000), (.named("osc"), 1)])
        let result = try generate(clocks, record: known)
        // A fixed clock says itself what it is.
        #expect(rates(result) == [250_000_000, 24_000_000, 100_000_000])
        let reason = try #require(result.node.fates.first { $0.property == "clocks" }?.reason)
        #expect(reason.contains("250000000 Hz (noted by martlet bind, from clk1)"))
        #expect(result.node.needs().isEmpty)
    }

    @Test func `the configuration comes before the record`() throws {
        let known = record([(.named("core"), 250_000_000), (.named("bus"), 100_000_000)])
        let result = try generate(clocks, record: known, settings: NodeSettings(clocks: ["core": 5, "*": 6]))
        #expect(rates(result) == [5, 24_000_000, 100_000_000])
    }

    @Test func `clocks without names are told by their places`() throws {
        let unnamed = Array(clocks.dropLast())
        #expect(rates(try generate(unnamed, record: record([(.first, 7)]))) == [7, 24_000_000, nil])
        let all = record([(.unknown, 8), (.unknown, 8), (.unknown, 8)])
        #expect(rates(try generate(unnamed, record: all)) == [8, 24_000_000, 8])
        let different = record([(.unknown, 8), (.unknown, 24_000_000), (.unknown, 9)])
        #expect(rates(try generate(unnamed, record: different)) == [nil, 24_000_000, nil])
    }

    @Test(arguments: [0, 1 << 32, UInt64.max]) func `a rate that no fixed clock has is none`(rate: UInt64) throws {
        let result = try generate(clocks, record: record([(.named("core"), rate), (.named("bus"), 1)]))
        #expect(rates(result) == [nil, 24_000_000, 1])
        #expect(result.node.needs() == [.clocks(["core"])])
    }

    // MARK: Supplies and addresses

    @Test func `a supply with a range has its present voltage`() throws {
        let supply = [Property("compatible", .string("v,unknown")), Property("vdd-supply", .cell(4))]
        #expect(try generate(supply).shared.isEmpty)
        let result = try generate(supply, voltages: ["/ldo": 1_200_000])
        #expect(result.shared.first?[property: "regulator-min-microvolt"] == .cell(1_200_000))
        #expect(result.shared.first?[property: "regulator-max-microvolt"] == .cell(1_200_000))
        #expect(result.node.fates.contains { $0.reason.hasSuffix("1200000 µV (its voltage on the host now)") })
        var noted = HostRecord()
        noted.supplies = [
            .init(property: "vdd-supply", name: "vdd", folder: "regulator.1", microvolts: 1_100_000, power: .on)
        ]
        #expect(
            try generate(supply, record: noted).shared.first?[property: "regulator-min-microvolt"]
                == .cell(1_100_000))
    }

    @Test func `an interface's address is given where the host's node hasn't got it`() throws {
        var known = HostRecord()
        known.ethernetAddress = [2, 0, 0, 0, 0, 1]
        let plain = [Property("compatible", .string("v,unknown"))]
        #expect(
            try generate(plain, record: known).node.node[property: "local-mac-address"]
                == .bytes([2, 0, 0, 0, 0, 1]))
        // A bootloader's placeholder is none.
        let empty = plain + [Property("local-mac-address", .bytes([0, 0, 0, 0, 0, 0]))]
        let filled = try generate(empty, record: known).node.node
        #expect(filled.properties.filter { $0.name == "local-mac-address" }.count == 1)
        #expect(filled[property: "local-mac-address"] == .bytes([2, 0, 0, 0, 0, 1]))
        for name in ["local-mac-address", "mac-address", "address"] {
            let own = plain + [Property(name, .bytes([2, 0, 0, 0, 0, 9]))]
            let node = try generate(own, record: known).node.node
            #expect(node[property: name] == .bytes([2, 0, 0, 0, 0, 9]))
            #expect(name == "local-mac-address" || node[property: "local-mac-address"] == nil)
        }
        #expect(
            try generate(plain, record: known, settings: NodeSettings(deletions: ["local-mac-address"])).node
                .node[property: "local-mac-address"] == nil)
    }

    // MARK: What a driver misses

    private func needs(_ compatible: String, _ properties: [Property]) throws -> [NodeNeed] {
        try generate([Property("compatible", .string(compatible))] + properties).node.needs()
    }

    @Test func `a binding says which clocks and resets a driver insists on`() throws {
        let clocks = Property("clocks", .cells([3, 7]))
        let resets = Property("resets", .cells([3, 1]))
        // Required are both, clocks alone, nothing. Reset lines are the guest's reset controller's, unless nothing can
        // be made of them.
        let cut = Property("resets", .cells([3]))
        #expect(try needs("nvidia,tegra186-pwm", [clocks, resets]) == [.clocks(["0"])])
        #expect(try needs("nvidia,tegra186-pwm", [clocks, cut]) == [.clocks(["0"]), .resets([])])
        #expect(try needs("rockchip,rk3399-i2c", [cut]) == [])
        #expect(try needs("rockchip,rk3399-i2c", [clocks, resets]) == [.clocks(["0"])])
        #expect(try needs("generic-ahci", [clocks]) == [])
        // Of which nothing is known.
        #expect(try needs("v,unknown", [clocks, resets]) == [.clocks(["0"])])
        #expect(try needs("v,unknown", [Property("dmas", .cells([3, 1]))]) == [])
    }

    @Test func `what a device refers to is named by the device that has it`() throws {
        let phys = try needs("v,unknown", [Property("phys", .cells([5]))])
        #expect(phys == [.others([.init(path: "/phys@200", isRegisterBlock: false)])])
        #expect(phys.first?.description == "pass also phys@200")
        let block = try needs("nxp,imx8mp-dwmac-eqos", [Property("intf_mode", .cells([6, 4]))])
        #expect(block == [.registerBlocks(["intf_mode"], [.init(path: "/grf@300", isRegisterBlock: true)])])
        #expect(try needs("v,unknown", [Property("rockchip,grf", .cell(6))]) == [])
    }

    @Test func `several power domains are a need until they are held`() throws {
        let several = [Property("compatible", .string("v,unknown")), Property("power-domains", .cells([7, 1, 7, 2]))]
        let node = try generate(several).node
        #expect(node.needs() == [.powerDomains(2)])
        #expect(node.needs(isHeld: true).isEmpty)
        #expect(try needs("v,unknown", [Property("power-domains", .cells([7, 1]))]).isEmpty)
    }

    @Test func `each compatible is listed once`() {
        var count = 0
        for group in BindingDemands.groups {
            count += group.compatibles.split { $0 == " " || $0 == "\n" }.count { $0.last != "," }
        }
        #expect(BindingDemands.index.count == count)
        #expect(count > 3000)
        #expect(BindingDemands.index["ns16550a"] != nil || BindingDemands.index["arm,pl011"] != nil)
    }
}

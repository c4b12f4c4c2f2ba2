// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import HostDevices
import KernelFakes
import PlatformBus
import Testing

@testable import GuestNodes

/// A host's tree, devices of it, and the guest's tree that is expected: Fixtures/NAME.host.dts and NAME.guest.dts.
struct NodeFixture: CustomTestStringConvertible, Sendable {
    struct Device: Sendable {
        /// Its node in the host's tree.
        var path: String
        /// What VFIO says of each interrupt; as many as there are.
        var interrupts: [InterruptTrigger] = [.level]
        var settings = NodeSettings()
    }

    var name: String
    var devices: [Device]
    /// What the host's kernel says of clocks by name.
    var clockRates: [String: UInt64] = [:]

    var testDescription: String { name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures").path
    /// The folder with dt-validate and the bindings' schema.
    static let schemaTools = ProcessInfo.processInfo.environment["MARTLET_DT_VALIDATE"].flatMap { folder in
        folder.isEmpty ? nil : folder
    }
    static let dtc = HostTool(onPath: "dtc")

    static let all = [
        NodeFixture(
            name: "qemu-virt",
            devices: [
                Device(path: "/pl031@9010000"), Device(path: "/pl061@9030000"), Device(path: "/pl011@9000000"),
                Device(path: "/virtio_mmio@a003e00", interrupts: [.edge]),
            ]),
        NodeFixture(
            name: "jetson-uart",
            devices: [
                Device(path: "/bus@0/serial@3100000", settings: NodeSettings(clocks: ["0": 408_000_000]))
            ]),
        NodeFixture(
            name: "jetson-ethernet",
            devices: [
                Device(
                    path: "/bus@0/ethernet@6800000",
                    settings: NodeSettings(clocks: ["mgbe": 480_000_000, "mac": 480_000_000, "ptp_ref": 312_500_000]))
            ]),
        NodeFixture(
            name: "seattle-xgbe",
            devices: [
                Device(path: "/smb/xgmac@e0700000", interrupts: [.level, .edge, .edge, .edge, .edge, .level])
            ]),
        // VFIO is made to say the wrong thing: what is known of the device comes first.
        NodeFixture(
            name: "highbank-xgmac",
            devices: [Device(path: "/soc/ethernet@fff50000", interrupts: [.level, .edge, .level])]),
        NodeFixture(
            name: "imx8-uart",
            devices: [
                Device(
                    path: "/soc@0/bus@30800000/spba-bus@30800000/serial@30860000",
                    settings: NodeSettings(clocks: ["ipg": 80_000_000, "per": 80_000_000]))
            ]),
        NodeFixture(
            name: "rockchip-sdhci", devices: [Device(path: "/mmc@fe330000")],
            clockRates: ["sclk_emmc": 198_000_000, "sclk_sdmmc": 1]),
        NodeFixture(
            name: "zynqmp-gem", devices: [Device(path: "/amba/ethernet@ff0c0000", interrupts: [.level, .level])],
            clockRates: [
                "lpd_lsbus": 100_000_000, "gem1_ref": 125_000_000, "gem1_tx": 125_000_000, "gem1_rx": 125_000_000,
                "gem_tsu": 250_000_000,
            ]),
        NodeFixture(
            name: "pl330-uart",
            devices: [
                Device(path: "/dma-controller@7ff00000", interrupts: .init(repeating: .level, count: 8)),
                Device(path: "/serial@7ff80000"), Device(path: "/gpio@1c1d0000"),
            ]),
        NodeFixture(
            name: "k3-uart",
            devices: [
                Device(
                    path: "/bus@f0000/serial@2800000", interrupts: [.level, .edge],
                    settings: NodeSettings(clocks: ["fclk": 48_000_000]))
            ]),
        NodeFixture(name: "imx8-caam", devices: [Device(path: "/soc@0/crypto@30900000")]),
    ]

    /// Found in a trial with the trees of all boards: small nodes with one thing each that is easily done wrong.
    static let cases = [
        one("empty-block", "/wifi@2000000", [.level, .edge]), one("list-of-vendor-refs", "/ethernet@2000000", []),
        one("needed-reset", "/serial@2000000"), one("numbers-not-references", "/mmc@2000000"),
        one("own-child-config", "/ethernet@2000000"), one("pin-state-partly-kept", "/spi@2000000"),
        one("pinctrl-single", "/pinctrl@2000000", []), one("primecell-bus-clock", "/dma-controller@2000000"),
        one("repeated-provider", "/mac@2000000", []), one("self-regmap", "/system-controller@2000000", []),
        one("two-power-domains", "/usb@2000000"), one("unprefixed-alias", "/ethernet@2000000"),
        one("unprefixed-register-block", "/ethernet@2000000"),
        one("untranslatable-block", "/syscon@3000000/usb2phy@100", []),
    ]

    private static func one(
        _ name: String, _ path: String, _ interrupts: [InterruptTrigger] = [.level]
    ) -> NodeFixture {
        NodeFixture(name: "case-\(name)", devices: [Device(path: path, interrupts: interrupts)])
    }

    // MARK: Trees

    /// Compiles devicetree source; `isStrict` has a warning fail the test.
    static func compile(_ source: String, isStrict: Bool = true) throws -> Tree {
        let dtc = try #require(dtc)
        let result = try dtc.run(
            ["-I", "dts", "-O", "dtb", "-i", folder] + (isStrict ? [] : ["-q"]), input: Array(source.utf8))
        #expect(result.status == 0, "\(result.messages)")
        if isStrict { #expect(complaints(result.messages) == []) }
        return try Tree(parsing: result.output, limits: .ofHosts)
    }

    /// dtc's warnings, without one: up to 1.6.1 it wants #address-cells of every interrupt controller, which bindings
    /// of GPIO blocks forbid and the hosts' nodes therefore don't have; later releases don't.
    static func complaints(_ messages: String) -> [String] {
        messages.split(separator: "\n").map(String.init).filter {
            !$0.hasSuffix("Missing #address-cells in interrupt provider")
        }
    }

    private func text(_ kind: String) throws -> String {
        try String(contentsOfFile: "\(Self.folder)/\(name).\(kind).dts", encoding: .utf8)
    }

    func hostTree() throws -> Tree { try Self.compile(try text("host"), isStrict: false) }

    func expectedTree() throws -> Tree { try Self.compile(try text("guest")) }

    /// The devices as VFIO would show them, placed on a bus like that of a machine.
    func requests(_ host: Tree) throws -> [NodeRequest] {
        let bus = BusMap(
            windows: [try #require(GuestRange(base: GuestAddress(0x0C00_0000), size: 0x7400_0000))], spiCount: 988)
        for number: UInt32 in 0...1 { try bus.reserveSPI(SPI(rawValue: number), "board") }
        return try devices.map { device in
            let node = try #require(host.node(at: device.path), "\(device.path)")
            let blocks = HostAddresses.blocks(of: device.path, tree: HostTree(host)).enumerated()
                .filter { $0.element.address != nil && $0.element.size > 0 }
            return NodeRequest(
                name: node.name, path: device.path,
                regions: try blocks.map { try bus.allocateWindow(node.name, size: $0.element.size) },
                regionIndices: blocks.map(\.offset),
                interrupts: try device.interrupts.map {
                    NodeRequest.Interrupt(spi: try bus.allocateSPI(node.name), trigger: $0)
                }, settings: device.settings)
        }
    }

    /// The guest's tree: the board, and what is generated.
    static func guestTree(_ nodes: [GuestNode], _ shared: SharedNodes) throws -> Tree {
        var tree = try compile("/dts-v1/;\n/include/ \"board.dtsi\"\n")
        // As BoardDeviceTree has it: what has no address stands at the root.
        tree.root.children += shared.nodes + nodes.map(\.node).filter { $0[property: "reg"] == nil }
        if let controller = shared.resetController {
            var node = Node(
                "reset-controller@9040000",
                [
                    "compatible": .string("snps,dw-low-reset"), "reg": .cells64([0x904_0000, 0x1000]),
                    "#reset-cells": .cell(1),
                ])
            node.phandle = controller
            tree.root.children.append(node)
        }
        tree.update(at: "/platform-bus@c000000") { bus in
            bus.children = nodes.map(\.node).filter { $0[property: "reg"] != nil }
        }
        return tree
    }

    /// With properties and children in the order of their names: the order means nothing.
    static func sorted(_ node: Node) -> Node {
        Node(
            node.name, properties: node.properties.sorted { $0.name < $1.name },
            children: node.children.map(sorted).sorted { $0.name < $1.name })
    }
}

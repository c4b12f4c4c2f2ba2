// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Machine

/// What the user adds to the guest's device tree: properties with references, overlays, a base tree.
@Suite struct TreeAdditionsTests {
    private let host = FakeHost()
    private static let device = "/platform-bus@c000000/net@c000000"

    init() {
        host.add("1000.net", group: 1, properties: ["compatible": .string("test,net"), "old": .cell(1)])
        host.add("2000.phy", group: 2)
    }

    private func configuration(
        _ deviceTree: DeviceTreeSettings = .init(), label: String? = "eth", files: DeviceTreeFiles = .init()
    ) -> MachineConfiguration {
        var configuration = host.configuration(devices: [
            PlatformDevice(identity: .host("1000.net"), label: label, deviceTree: deviceTree),
            PlatformDevice(identity: .host("2000.phy"), label: "phy"),
        ])
        configuration.deviceTree = files
        return configuration
    }

    private func tree(_ configuration: MachineConfiguration) throws -> Tree {
        let hypervisor = try host.makeHypervisor()
        let blob = try host.makePlan(configuration, hypervisor: hypervisor).deviceTree(hypervisor: hypervisor)
        return try Tree(parsing: blob)
    }

    private func error(_ configuration: MachineConfiguration) -> MachineError? {
        let error = #expect(throws: MachineError.self) { try tree(configuration) }
        #expect(host.kernel.held.isEmpty)
        return error
    }

    /// The overlay, label, node and property of which an error tells.
    private func unknownLabel(_ error: MachineError?) -> [String] {
        guard case .overlay(.overlay(let name, .unknownLabel(let label, let node, let property, _)))? = error else {
            return []
        }
        return [name, label, node, property]
    }

    private func addTree(_ path: String, _ nodes: Node..., properties: [Property] = []) throws {
        try addTree(path, Tree(root: Node("", properties: properties, children: nodes)))
    }

    private func addTree(_ path: String, _ tree: Tree) throws {
        let blob = try tree.serialized()
        host.kernel.withState { $0.files[path] = blob }
    }

    /// An overlay that sets `property` of the node with `label`.
    private func addOverlay(_ path: String, on label: String, _ property: String = "added") throws {
        try addTree(
            path,
            Node(
                "fragment@0", ["target": .cell(.max)],
                children: [Node("__overlay__", [property: .string(path)])]),
            Node("__fixups__", [label: .string("/fragment@0:target:0")]))
    }

    private func added(_ tree: Tree, _ path: String, _ property: String = "added") -> String? {
        tree.node(at: path)?[property: property]?.string
    }

    // MARK: Nothing

    @Test func `a tree without additions has no labels`() throws {
        let plain = try tree(configuration(label: nil))
        let labelled = try tree(configuration())
        #expect(plain.root.children.map(\.name) == labelled.root.children.map(\.name))
        #expect(labelled.labels.isEmpty)
        #expect(plain.root[property: "interrupt-parent"] == .cell(1))
    }

    // MARK: References

    @Test func `properties refer to nodes by label`() throws {
        let settings = DeviceTreeSettings(properties: [
            .init("phy-handle", .cells([.reference("phy")])),
            .init("mixed", .cells([.number(7), .reference("gic"), .number(8), .reference("phy"), .reference("eth")])),
            .init("old", .strings(["a", "b"])), .init("wide", .numbers64([1])), .init("raw", .bytes([1, 2, 3])),
            .init("flag", .empty),
        ])
        let tree = try tree(configuration(settings))
        let node = try #require(tree.node(at: Self.device))
        let phy = try #require(node[property: "phy-handle"]?.phandle)
        #expect(tree.path(of: phy) == "/platform-bus@c000000/phy@c001000")
        #expect(node[property: "mixed"]?.cells == [7, 1, 8, phy.rawValue, node.phandle?.rawValue ?? 0])
        #expect(node[property: "old"] == .strings(["a", "b"]))
        #expect(node[property: "wide"] == .cell64(1))
        #expect(node[property: "raw"] == .bytes([1, 2, 3]))
        #expect(node[property: "flag"] == .empty)
        #expect(tree.labels.isEmpty)
    }

    @Test func `a label that there is not is told with the nearest`() {
        let settings = DeviceTreeSettings(properties: [.init("phy-handle", .cells([.reference("phi")]))])
        #expect(
            error(configuration(settings))
                == .unknownLabel(
                    key: "platform-devices[0].device_tree.properties.phy-handle", label: "phi",
                    known: [
                        "clock_24000000", "eth", "gic", "gpio", "phy", "platform_bus", "power_key", "rtc", "serial",
                    ]))
    }

    @Test func `a device cannot have a clocks label`() {
        #expect(
            error(configuration(label: "clock_24000000", files: .init(overlays: ["/missing"])))
                == .treeFile(key: "device-tree.overlays[0]", path: "/missing", .file(.failed(.noSuchFileOrDirectory))))
        let settings = DeviceTreeSettings(properties: [.init("x", .cells([.reference("gic")]))])
        #expect(
            error(configuration(settings, label: "clock_24000000"))
                == .deviceTree(.duplicateLabel("clock_24000000", node: Self.device, other: "/clock-24000000")))
    }

    // MARK: Overlays

    @Test(arguments: [
        ("gic", "/interrupt-controller@8000000"), ("serial", "/serial@9000000"), ("rtc", "/rtc@9010000"),
        ("platform_bus", "/platform-bus@c000000"), ("clock_24000000", "/clock-24000000"), ("eth", device),
        ("phy", "/platform-bus@c000000/phy@c001000"),
    ])
    func `every label of the board resolves`(label: String, path: String) throws {
        try addOverlay("/o.dtbo", on: label)
        let tree = try tree(configuration(files: .init(overlays: ["/o.dtbo"])))
        #expect(added(tree, path) == "/o.dtbo")
        #expect(tree.root[property: "interrupt-parent"] == .cell(1))
    }

    @Test func `overlays are applied device by device and then in order`() throws {
        try addOverlay("/own.dtbo", on: "device")
        try addOverlay("/first.dtbo", on: "eth")
        try addOverlay("/second.dtbo", on: "eth")
        let own = DeviceTreeSettings(overlay: "/own.dtbo")
        #expect(added(try tree(configuration(own)), Self.device) == "/own.dtbo")
        let files = DeviceTreeFiles(overlays: ["/first.dtbo", "/second.dtbo"])
        #expect(added(try tree(configuration(own, files: files)), Self.device) == "/second.dtbo")
        #expect(
            try host.makePlan(configuration(own, files: files)).additionFacts == [
                "device tree: platform-devices[0].device_tree.overlay: /own.dtbo applied",
                "device tree: device-tree.overlays[0]: /first.dtbo applied",
                "device tree: device-tree.overlays[1]: /second.dtbo applied",
            ])
    }

    @Test func `a device is called device in its own overlay only`() throws {
        try addOverlay("/own.dtbo", on: "device")
        var two = configuration(.init(overlay: "/own.dtbo"), label: nil)
        two.platformDevices[1].deviceTree.overlay = "/own.dtbo"
        let tree = try tree(two)
        #expect(added(tree, Self.device) == "/own.dtbo")
        #expect(added(tree, "/platform-bus@c000000/phy@c001000") == "/own.dtbo")
        #expect(
            unknownLabel(error(configuration(files: .init(overlays: ["/own.dtbo"]))))
                == ["device-tree.overlays[0]: /own.dtbo", "device", "/fragment@0", "target"])
    }

    @Test func `an overlays label that there is not is told with the nearest`() throws {
        try addOverlay("/o.dtbo", on: "etf")
        #expect(
            error(configuration(.init(overlay: "/o.dtbo")))
                == .overlay(
                    .overlay(
                        "platform-devices[0].device_tree.overlay: /o.dtbo",
                        .unknownLabel(
                            "etf", node: "/fragment@0", property: "target",
                            known: [
                                "clock_24000000", "device", "eth", "gic", "gpio", "phy", "platform_bus", "power_key",
                                "rtc", "serial",
                            ]))))
    }

    @Test func `files that are no overlays are told`() throws {
        host.kernel.addFile("/text", "hello")
        try addTree("/tree.dtb", Node("soc"))
        #expect(
            error(configuration(files: .init(overlays: ["/text"])))
                == .overlay(
                    .overlay(
                        "device-tree.overlays[0]: /text",
                        .tree(.malformedBlob(.truncated(count: 5, needed: 40), offset: 0)))))
        #expect(
            error(configuration(files: .init(overlays: ["/tree.dtb"])))
                == .overlay(.overlay("device-tree.overlays[0]: /tree.dtb", .noFragment)))
        host.kernel.withState { $0.files["/big"] = [UInt8](repeating: 0, count: Overlay.maximumByteCount + 1) }
        #expect(
            error(configuration(files: .init(overlays: ["/big"])))
                == .treeFile(key: "device-tree.overlays[0]", path: "/big", .tooLarge(limit: 262144, maker: nil)))
        #expect(
            error(configuration(files: .init(base: "/nowhere")))
                == .treeFile(key: "device-tree.base", path: "/nowhere", .file(.failed(.noSuchFileOrDirectory))))
    }

    @Test func `the check tells each file`() throws {
        host.kernel.addFile("/text", "hello")
        var all = configuration(.init(overlay: "/text"), files: .init(overlays: ["/a", "/b"], base: "/c"))
        let check = MachineCheck(all, calls: host.kernel, log: host.log.log)
        #expect(
            check.problems.map { $0.split(separator: ": ").prefix(2).joined(separator: ": ") } == [
                "device-tree.base: /c", "platform-devices[0].device_tree.overlay: /text", "device-tree.overlays[0]: /a",
                "device-tree.overlays[1]: /b",
            ])
        try addOverlay("/a", on: "eth")
        all = configuration(files: .init(overlays: ["/a"]))
        let good = MachineCheck(all, calls: host.kernel, log: host.log.log)
        #expect(good.problems.isEmpty)
        #expect(good.facts.last == "device tree: device-tree.overlays[0]: /a applied")
        #expect(host.kernel.held.isEmpty)
    }

    // MARK: Sources

    @Test(arguments: ["/o.dts", "/o.dtso"]) func `a source is compiled`(path: String) throws {
        try addOverlay("/blob", on: "eth")
        host.kernel.withState {
            $0.programs["dtc"] = ProgramRun(status: 0, output: $0.files["/blob"] ?? [], messages: "a\nb\n")
        }
        let tree = try tree(configuration(files: .init(overlays: [path])))
        #expect(added(tree, Self.device) == "/blob")
        #expect(host.kernel.journal.contains(.call("run dtc -@ -I dts -O dtb -o - -- \(path)")))
        #expect(host.log.all == ["warning: device-tree.overlays[0]: \(path): dtc says\n  a\n  b"])
    }

    @Test func `what dtc says is told`() {
        let files = DeviceTreeFiles(overlays: ["/o.dtso"])
        #expect(
            error(configuration(files: files))
                == .treeFile(key: "device-tree.overlays[0]", path: "/o.dtso", .noCompiler))
        host.kernel.withState {
            $0.programs["dtc"] = ProgramRun(status: 1, output: [], messages: "Error: x:1.1-2 syntax error\nFATAL\n")
        }
        #expect(
            error(configuration(files: files))
                == .treeFile(
                    key: "device-tree.overlays[0]", path: "/o.dtso",
                    .failed(program: "dtc", signal: nil, messages: ["Error: x:1.1-2 syntax error", "FATAL"])))
        host.kernel.withState {
            $0.programs["dtc"] = ProgramRun(
                status: 0, output: [UInt8](repeating: 0, count: Overlay.maximumByteCount + 1), messages: "")
        }
        #expect(
            error(configuration(files: files))
                == .treeFile(
                    key: "device-tree.overlays[0]", path: "/o.dtso", .tooLarge(limit: 262144, maker: "dtc")))
    }

    // MARK: A base tree

    /// A tree as a board has it, with everything that is Martlet's to write, under other names and phandles.
    private func addBase(_ properties: [Property] = []) throws {
        try addTree(
            "/base.dtb",
            Node("chosen", ["bootargs": .string("old"), "linux,initrd-start": .cell(5), "kept": .empty]),
            Node("aliases", ["serial0": .string("/uart"), "rtc0": .string("/rtc")]),
            Node("memory@0", ["device_type": .string("memory"), "reg": .cells64([0, 4096])]),
            Node("cpus", children: [Node("cpu@0", ["phandle": .cell(2)])]), Node("psci"),
            Node("timer", ["interrupts": .cells([1, 2, 3])]),
            Node(
                "soc", ["ranges": .empty],
                children: [
                    Node(
                        "intc@1000",
                        ["compatible": .string("arm,gic-400"), "interrupt-controller": .empty, "phandle": .cell(9)]),
                    Node("extra", ["interrupt-parent": .cell(9), "phandle": .cell(1)]),
                ]),
            Node("reserved-memory", ["ranges": .empty]),
            Node("__symbols__", ["extra": .string("/soc/extra"), "cpu0": .string("/cpus/cpu@0")]),
            properties: [
                Property("model", .string("A board")), Property("interrupt-parent", .cell(9)),
                Property("#address-cells", .cell(2)),
            ] + properties)
    }

    @Test func `the generated tree is merged into the base`() throws {
        try addBase()
        let tree = try tree(configuration(files: .init(base: "/base.dtb")))

        #expect(
            tree.root.children.map(\.name) == [
                "chosen", "aliases", "soc", "reserved-memory", "memory@80000000", "cpus", "psci", "timer",
                "interrupt-controller@8000000", "clock-24000000", "serial@9000000", "rtc@9010000",
                "gpio@9030000", "power-key", "platform-bus@c000000",
            ])
        #expect(tree.root[property: "model"] == .string("A board"))
        #expect(tree.root[property: "compatible"] == .string("linux,dummy-virt"))
        // The base's references to its interrupt controller lead to Martlet's, and no two nodes have one phandle.
        for path in ["/", "/soc/extra"] {
            #expect(
                tree.node(at: path)?[property: "interrupt-parent"]?.phandle.flatMap(tree.path)
                    == "/interrupt-controller@8000000")
        }
        #expect(tree.node(at: "/soc/extra")?.phandle?.rawValue == 1)
        let clock = try #require(tree.node(at: "/clock-24000000")?.phandle)
        #expect(![1, 2, 9].contains(clock.rawValue) && tree.path(of: clock) == "/clock-24000000")
        #expect(tree.node(at: "/soc/intc@1000") == nil)
        #expect(tree.node(at: "/cpus/cpu@0")?.phandle == nil)
        let chosen = try #require(tree.node(at: "/chosen"))
        #expect(chosen[property: "bootargs"] == .string("console=ttyS0 panic=-1"))
        #expect(chosen[property: "kept"] == .empty)
        #expect(chosen[property: "linux,initrd-start"]?.cell64 != nil)
        #expect(tree.node(at: "/aliases")?[property: "serial0"] == .string("/serial@9000000"))
        #expect(tree.node(at: "/aliases")?[property: "rtc0"] == .string("/rtc"))
        #expect(tree.labels.isEmpty)
        #expect(
            host.log.all == [
                "info: device-tree.base: /memory@0 is ignored: Martlet writes it",
                "info: device-tree.base: /cpus is ignored: Martlet writes it",
                "info: device-tree.base: /psci is ignored: Martlet writes it",
                "info: device-tree.base: /timer is ignored: Martlet writes it",
                "info: device-tree.base: /soc/intc@1000 is ignored: Martlet writes it",
                "warning: device-tree.base: /base.dtb: serial0 of /aliases is ignored: Martlet writes it (found \"/uart\")",
                "warning: device-tree.base: /base.dtb: bootargs of /chosen is ignored: Martlet writes it (found \"old\")",
            ])
    }

    @Test func `the bases labels are there for references and overlays`() throws {
        try addBase()
        try addOverlay("/o.dtbo", on: "extra")
        let settings = DeviceTreeSettings(properties: [.init("x", .cells([.reference("extra")]))])
        let tree = try tree(configuration(settings, files: .init(overlays: ["/o.dtbo"], base: "/base.dtb")))
        #expect(added(tree, "/soc/extra") == "/o.dtbo")
        #expect(tree.node(at: Self.device)?[property: "x"] == .cell(1))
        // Its node is Martlet's to write.
        let gone = DeviceTreeSettings(properties: [.init("x", .cells([.reference("cpu0")]))])
        guard
            case .unknownLabel(key: "platform-devices[0].device_tree.properties.x", label: "cpu0", _)? = error(
                configuration(gone, files: .init(base: "/base.dtb")))
        else {
            Issue.record("the label is found")
            return
        }
    }

    @Test func `the dump of a tree is a good base`() throws {
        let first = try tree(configuration())
        var edited = first
        edited.root.children.append(Node("mine", ["a": .cell(1)]))
        try addTree("/dump.dtb", edited)
        let second = try tree(configuration(files: .init(base: "/dump.dtb")))
        #expect(second.node(at: "/mine") != nil)
        #expect(Set(second.root.children.map(\.name)) == Set(edited.root.children.map(\.name)))
        #expect(second.node(at: Self.device)?[property: "reg"] == first.node(at: Self.device)?[property: "reg"])
    }

    @Test func `what cannot go together is refused`() throws {
        try addBase([Property("#size-cells", .cell(1))])
        #expect(
            error(configuration(files: .init(base: "/base.dtb")))
                == .treeFile(
                    key: "device-tree.base", path: "/base.dtb", .rootCells(property: "#size-cells", found: .cell(1))))
        try addTree("/bus.dtb", Node("platform-bus@c000000", ["#address-cells": .cell(1)]))
        #expect(
            error(configuration(files: .init(base: "/bus.dtb")))
                == .treeFile(
                    key: "device-tree.base", path: "/bus.dtb",
                    .busCells(property: "#address-cells", bus: "platform-bus@c000000", found: .cell(1))))
    }

    // MARK: Addresses

    @Test func `other addresses are in the tree`() throws {
        var other = configuration()
        other.machineSize.ramBase = 0x4000_0000
        other.machineSize.platformBus = .init(base: 0x2000_0000, size: 0x10_0000)
        other.platformDevices[1].guestAddress = .fixed(0x3000_0000)
        let tree = try tree(other)
        #expect(tree.node(at: "/memory@40000000")?[property: "reg"] == .cells64([0x4000_0000, 64 << 20]))
        let bus = try #require(tree.node(at: "/platform-bus@20000000"))
        #expect(bus.children.map(\.name) == ["net@20000000", "phy@30000000"])
        #expect(
            bus[property: "ranges"]
                == .cells64([0x2000_0000, 0x2000_0000, 0x10_0000, 0x3000_0000, 0x3000_0000, 0x1000]))
    }

    @Test func `a bus that is too small is told`() {
        var small = configuration()
        small.machineSize.platformBus = .init(base: 0x2000_0000, size: 0x1000)
        guard
            case .passthrough(.bus(device: "2000.phy", .windowFull(_, size: 0x1000, alignment: 0x1000, let windows)))? =
                error(small)
        else {
            Issue.record("the bus is large enough")
            return
        }
        #expect(windows.first?.base.rawValue == 0x2000_0000)
    }

    @Test func `a machine boots with other addresses`() throws {
        var other = configuration()
        other.machineSize.ramBase = 0x4000_0000
        let hypervisor = try host.makeHypervisor()
        let plan = try host.makePlan(other, hypervisor: hypervisor)
        #expect(plan.bus.regions.map(\.name).last == "RAM")
        #expect(plan.addressBits == 31)
        let (memory, boot) = try plan.load()
        #expect(boot.entry.rawValue == 0x4000_0000)
        #expect(memory.banks.map(\.range.base.rawValue) == [0x4000_0000])
    }
}

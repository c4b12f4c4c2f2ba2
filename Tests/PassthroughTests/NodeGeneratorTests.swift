// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import GuestNodes
import HostDevices
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

/// Devices of a live host, opened on the fake of VFIO.
@Suite struct NodeGeneratorTests {
    private let host: Host
    private var shared = SharedNodes(phandles: PhandleAllocator())

    init() throws { host = try Host() }

    /// The guest's node of a device with these properties on the host.
    private mutating func node(
        _ properties: [String: PropertyValue], name: String = "9010000.pl031",
        regions: [FakeVFIODevice.Region] = [.init()],
        interrupts: [FakeVFIODevice.Interrupt] = [.level], settings: NodeSettings = NodeSettings()
    ) throws -> GuestNode {
        host.add(name, regions: regions, interrupts: interrupts, properties: properties)
        var device = PlacedDevice.Settings(.host(name))
        device.node = settings
        return try generate(try host.open(device))
    }

    private mutating func generate(_ devices: PlacedDevices) throws -> GuestNode {
        var generator = NodeGenerator(tree: HostTree(host.sysfs), phandles: PhandleAllocator())
        generator.shared = shared
        let nodes = try generator.generate(devices.nodeRequests)
        shared = generator.shared
        return try #require(nodes.first)
    }

    private func addClock(_ name: String, phandle: UInt32, hertz: UInt32, compatible: String = "fixed-clock") {
        host.setNode(
            "/\(name)",
            [
                "compatible": .string(compatible), "phandle": .cell(phandle), "clock-frequency": .cell(hertz),
                "#clock-cells": .cell(0),
            ])
    }

    @Test mutating func `plain properties are copied and addresses rewritten`() throws {
        let result = try node([
            "compatible": .strings(["arm,pl031", "arm,primecell"]), "reg": .cells64([0x901_0000, 0x1000]),
            "interrupts": .cells([0, 2, 4]), "phandle": .cell(0x8000), "interrupt-parent": .cell(0x8001),
            "status": .string("okay"), "name": .string("pl031"), "arm,primecell-periphid": .cell(0x41031),
            "dma-coherent": .empty, "reg-names": .string("registers"),
        ])
        #expect(result.omitted.isEmpty)
        #expect(result.node.name == "9010000.pl031@c000000")
        #expect(
            Dictionary(uniqueKeysWithValues: result.node.properties.map { ($0.name, $0.value) }) == [
                "compatible": .strings(["arm,pl031", "arm,primecell"]), "reg": .cells64([0x0C00_0000, 0x1000]),
                "interrupts": .cells([0, 0, 4]), "arm,primecell-periphid": .cell(0x41031), "dma-coherent": .empty,
                "reg-names": .string("registers"),
            ])
    }

    @Test mutating func `the hosts unit address gives way to the guests`() throws {
        host.setNode("/soc/pl031@9010000", ["compatible": .string("arm,pl031")])
        host.add("9010000.pl031", properties: ["compatible": .string("x")])
        host.kernel.withState { state in
            state.links["/sys/devices/platform/9010000.pl031/of_node"] =
                "../../../firmware/devicetree/base/soc/pl031@9010000"
        }
        let devices = try host.open(.init(.host("9010000.pl031"), placement: .fixed(0x0D00_0000)))
        let result = try generate(devices)
        #expect(result.node.name == "pl031@d000000")
        #expect(result.node[property: "compatible"] == .string("arm,pl031"))
    }

    @Test mutating func `every region and interrupt is listed`() throws {
        let result = try node(
            ["compatible": .string("x")], regions: [.init(), .init(size: 0x2000)], interrupts: [.level, .edge])
        #expect(result.node[property: "reg"] == .cells64([0x0C00_0000, 0x1000, 0x0C00_2000, 0x2000]))
        #expect(result.node[property: "interrupts"] == .cells([0, 0, 4, 0, 1, 1]))
    }

    /// A block of size 0 exists on boards: VFIO has a region for it, and nobody can map it.
    @Test mutating func `a region without bytes has no window`() throws {
        let result = try node(
            ["compatible": .string("x"), "reg-names": .strings(["a", "b", "c"])],
            regions: [.init(), .init(size: 0), .init(size: 0x2000)])
        #expect(result.node[property: "reg"] == .cells64([0x0C00_0000, 0x1000, 0x0C00_2000, 0x2000]))
        #expect(result.node[property: "reg-names"] == .strings(["a", "c"]))
    }

    @Test mutating func `a device without regions and interrupts has neither property`() throws {
        let result = try node(["compatible": .string("x")], name: "plain", regions: [], interrupts: [])
        #expect(result.node.name == "plain")
        #expect(result.node.properties.map(\.name) == ["compatible"])
    }

    @Test mutating func `references to the host are dropped and listed`() throws {
        let references = [
            "iommus", "resets", "power-domains", "pinctrl-0", "pinctrl-names", "vdd-supply", "reset-gpios", "dmas",
            "interconnects", "memory-region", "phys", "assigned-clocks", "cs-gpios", "msi-parent", "nvmem-cells",
        ]
        var properties: [String: PropertyValue] = ["compatible": .string("x")]
        for name in references { properties[name] = .cell(0x8003) }
        let result = try node(properties)
        #expect(Set(result.omitted) == Set(references).subtracting(["pinctrl-names"]))
        #expect(result.node.properties.map(\.name) == ["compatible", "reg", "interrupts"])
    }

    // MARK: Clocks

    @Test mutating func `a fixed clock is made for the guest`() throws {
        addClock("apb-pclk", phandle: 0x8000, hertz: 24_000_000)
        let result = try node([
            "compatible": .string("x"), "clocks": .cell(0x8000), "clock-names": .string("apb_pclk"),
        ])
        let clock = try #require(shared.nodes.first)
        #expect(shared.nodes.count == 1)
        #expect(clock.name == "clock-24000000")
        #expect(clock[property: "compatible"] == .string("fixed-clock"))
        #expect(clock[property: "#clock-cells"] == .cell(0))
        #expect(clock[property: "clock-frequency"] == .cell(24_000_000))
        #expect(result.node[property: "clocks"]?.phandle == clock.phandle)
        #expect(result.node[property: "clock-names"] == .string("apb_pclk"))
        #expect(result.omitted.isEmpty)
    }

    @Test mutating func `one clock of the host is one of the guest`() throws {
        addClock("clocks/a", phandle: 1, hertz: 24_000_000)
        addClock("clocks/b", phandle: 2, hertz: 24_000_000)
        addClock("clocks/c", phandle: 3, hertz: 48_000_000)
        let first = try node(
            ["clocks": .cells([1, 3]), "clock-names": .strings(["a", "c"])], name: "first")
        let second = try node(["clocks": .cells([2, 1])], name: "second")
        #expect(shared.nodes.map(\.name) == ["clock-24000000", "clock-48000000", "clock-24000000-1"])
        let phandles = shared.nodes.compactMap(\.phandle).map(\.rawValue)
        #expect(first.node[property: "clocks"] == .cells([phandles[0], phandles[1]]))
        #expect(second.node[property: "clocks"] == .cells([phandles[2], phandles[0]]))
        #expect(second.node[property: "clock-names"] == nil)
        // An emulated device takes what runs at the rate it needs.
        #expect(try shared.reference(hertz: 48_000_000) == .cell(phandles[1]))
    }

    @Test mutating func `a clock that is not fixed leaves an empty place`() throws {
        addClock("fixed", phandle: 1, hertz: 24_000_000)
        addClock("controller", phandle: 2, hertz: 1, compatible: "vendor,clock-controller")
        let result = try node(["clocks": .cells([2, 1]), "clock-names": .strings(["a", "b"])])
        #expect(result.node[property: "clocks"] == .cells([0, 3]))
        #expect(result.node[property: "clock-names"] == .strings(["a", "b"]))
        let fate = try #require(result.fates.first { $0.property == "clocks" })
        #expect(
            fate.reason == """
                /controller: its rate is not fixed, and its node doesn't tell its name in the host's kernel; \
                /fixed: a fixed clock of 24000000 Hz (fixed on the host)
                """)
    }

    @Test mutating func `a device that gets no clocks leaves none behind`() throws {
        addClock("fixed", phandle: 1, hertz: 24_000_000)
        let result = try node(["clocks": .cells([1, 7]), "clock-names": .strings(["a", "b"])])
        #expect(result.node[property: "clocks"] == nil)
        #expect(result.node[property: "clock-names"] == nil)
        #expect(result.omitted == ["clocks"])
        #expect(shared.nodes.isEmpty)
    }

    @Test mutating func `a clock of nonsense is dropped`() throws {
        let result = try node(["clocks": .bytes([1, 2, 3])])
        #expect(result.node[property: "clocks"] == nil)
        #expect(result.omitted == ["clocks"])
    }

    @Test mutating func `the kernel is asked for the rate by the clocks name`() throws {
        addClock("controller", phandle: 2, hertz: 1, compatible: "vendor,clock-controller")
        host.setNode(
            "/controller", ["#clock-cells": .cell(1), "clock-output-names": .strings(["zero", "one", "../two"])])
        host.kernel.addFile("/sys/kernel/debug/clk/one/clk_rate", "100000000\n")
        host.kernel.addFile("/sys/kernel/debug/two/clk_rate", "1\n")
        let result = try node(["clocks": .cells([2, 0, 2, 1, 2, 2, 2, 3])])
        // zero has no file, two's name would lead out of the folder, and there is no third.
        #expect(result.node[property: "clocks"] == .cells([0, 3, 0, 0]))
        #expect(shared.nodes.map(\.name) == ["clock-100000000"])
    }

    @Test(arguments: [("0", "0 Hz"), ("4294967296", "4294967296 Hz"), ("much", "can't be read")])
    mutating func `a rate that is none is not used`(text: String, reason: String) throws {
        addClock("controller", phandle: 2, hertz: 1, compatible: "vendor,clock-controller")
        host.setNode("/controller", ["clock-output-names": .string("one")])
        host.kernel.addFile("/sys/kernel/debug/clk/one/clk_rate", text)
        let result = try node(["clocks": .cell(2)])
        #expect(result.node[property: "clocks"] == nil)
        #expect(result.fates.first { $0.property == "clocks" }?.reason.contains(reason) == true)
    }

    @Test mutating func `the user knows best`() throws {
        addClock("fixed", phandle: 1, hertz: 24_000_000)
        let result = try node(
            ["clocks": .cells([1, 1]), "clock-names": .strings(["a", "b"])],
            settings: NodeSettings(clocks: ["b": 1000]))
        #expect(shared.nodes.map(\.name) == ["clock-24000000", "clock-1000"])
        #expect(result.node[property: "clocks"] == .cells([2, 3]))
    }

    @Test mutating func `a clock that the device has not got is an error`() throws {
        addClock("fixed", phandle: 1, hertz: 24_000_000)
        let error = #expect(throws: GuestNodeError.self) {
            try node(
                ["clocks": .cells([1, 1]), "clock-names": .strings(["a", "b"])], name: "device",
                settings: NodeSettings(clocks: ["c": 1000]))
        }
        #expect(
            error == .unknownClocks(device: "device", ["c"], known: ["a", "b"]))
    }

    // MARK: What the user says

    @Test mutating func `the users properties win`() throws {
        let result = try node(
            ["compatible": .string("x"), "a": .cell(1), "b": .cell(2), "dmas": .cell(7), "dma-names": .string("rx")],
            settings: NodeSettings(
                properties: [Property("a", .cell(9)), Property("c", .empty)], deletions: ["b", "dmas"], isStrict: true))
        #expect(result.node.properties.map(\.name) == ["compatible", "reg", "interrupts", "a", "c"])
        #expect(result.node[property: "a"] == .cell(9))
        #expect(
            result.fates.filter { $0.reason == "the configuration says so" }.map(\.fate.rawValue).sorted() == [
                "added", "dropped", "dropped", "rewritten",
            ])
    }

    @Test mutating func `a device with a label has a phandle`() throws {
        let result = try node(["compatible": .string("x")], settings: NodeSettings(label: "it"))
        #expect(result.label == "it")
        #expect(result.node.phandle == Phandle(rawValue: 1))
    }

    @Test mutating func `strict makes a lost reference an error`() throws {
        let error = #expect(throws: GuestNodeError.self) {
            try node(
                ["phys": .cell(7), "dmas": .cells([1]), "iommus": .cell(7), "resets": .cell(7)], name: "device",
                settings: NodeSettings(isStrict: true))
        }
        #expect(
            error
                == .missingReferences(
                    device: "device",
                    [
                        "dmas: no node of the host has its phandle 0x1",
                        "phys: no node of the host has its phandle 0x7",
                        "resets: no node of the host has its phandle 0x7",
                    ]))
    }

    // MARK: A host without a device tree

    @Test mutating func `a host without device tree is an error`() throws {
        host.kernel.addHostDevice("device")
        let devices = try host.open(.init(.host("device")))
        let error = #expect(throws: GuestNodeError.self) { try generate(devices) }
        #expect(
            error == .noDeviceTreeNode(device: "device"))
    }

    @Test mutating func `the users node serves where the host has none`() throws {
        host.kernel.addHostDevice("ARMH0011:00", vfio: FakeVFIODevice(interrupts: [.level]))
        var settings = PlacedDevice.Settings(.host("ARMH0011:00"))
        settings.node = NodeSettings(
            properties: [Property("compatible", .strings(["arm,pl011", "arm,primecell"]))],
            clocks: ["uartclk": 24_000_000, "apb_pclk": 100_000_000])
        let result = try generate(try host.open(settings))
        #expect(result.node.name == "ARMH0011-00@c000000")
        #expect(result.node[property: "reg"] == .cells64([0x0C00_0000, 0x1000]))
        #expect(result.node[property: "clock-names"] == .strings(["apb_pclk", "uartclk"]))
        #expect(shared.nodes.map(\.name) == ["clock-100000000", "clock-24000000"])
        #expect(Set(result.fates.map(\.fate)) == [.added])
    }

    /// Linux tries no driver on a primecell without its bus clock.
    @Test mutating func `a primecell of the users has its bus clock`() throws {
        host.kernel.addHostDevice("ARMH0061:00", vfio: FakeVFIODevice())
        var settings = PlacedDevice.Settings(.host("ARMH0061:00"))
        settings.node = NodeSettings(properties: [Property("compatible", .strings(["arm,pl061", "arm,primecell"]))])
        let result = try generate(try host.open(settings))
        #expect(result.node[property: "clock-names"] == .string("apb_pclk"))
        #expect(result.node[property: "clocks"]?.phandle == shared.nodes.first?.phandle)
        #expect(shared.nodes.map(\.name) == ["clock-24000000"])
    }

    /// What the tree says makes no sense, but the names do.
    @Test mutating func `a primecells bus clock needs no provider`() throws {
        let result = try node([
            "compatible": .strings(["arm,pl061", "arm,primecell"]), "clocks": .cells([7, 8]),
            "clock-names": .strings(["other", "apb_pclk"]),
        ])
        #expect(result.node[property: "clocks"] == .cells([0, 1]))
        #expect(result.node[property: "clock-names"] == .strings(["other", "apb_pclk"]))
    }

    /// What asks for all clocks takes an empty one for an error.
    @Test mutating func `unknown clocks at the end go with their names`() throws {
        addClock("fixed", phandle: 1, hertz: 24_000_000)
        addClock("controller", phandle: 2, hertz: 1, compatible: "vendor,clock-controller")
        let result = try node(["clocks": .cells([1, 2, 2]), "clock-names": .strings(["a", "b", "c"])])
        #expect(result.node[property: "clocks"] == .cells([3]))
        #expect(result.node[property: "clock-names"] == .string("a"))
    }

    @Test(arguments: [["0": 5 as UInt32, "2": 7], ["-5": 5]]) mutating func `clocks by index`(clocks: [String: UInt32])
        throws
    {
        host.kernel.addHostDevice("device", vfio: FakeVFIODevice())
        var settings = PlacedDevice.Settings(.host("device"))
        settings.node = NodeSettings(properties: [Property("compatible", .string("x"))], clocks: clocks)
        let devices = try host.open(settings)
        guard clocks["0"] != nil else {
            #expect(throws: GuestNodeError.self) { try generate(devices) }
            return
        }
        let result = try generate(devices)
        #expect(result.node[property: "clocks"] == .cells([1, 0, 2]))
        #expect(result.node[property: "clock-names"] == nil)
    }

    // MARK: Errors

    @Test mutating func `a node that cannot be read is an error`() throws {
        host.add("device", properties: ["compatible": .string("x")])
        let devices = try host.open(.init(.host("device")))
        host.kernel.withState { $0.failingCall = $0.callCount + 1 }
        let error = #expect(throws: GuestNodeError.self) { try generate(devices) }
        #expect(error?.description.contains("/sys/firmware/devicetree/base/soc/device: EIO") == true)
    }

    // MARK: How much is read

    /// What a start reads of the host's tree: the device's own node, and what its clocks need.
    @Test mutating func `a start reads no more than it must`() throws {
        addClock("apb-pclk", phandle: 0x8000, hertz: 24_000_000)
        for index in 0..<50 { host.setNode("/other\(index)", ["compatible": .string("x")]) }
        let root = Node(
            "", children: [Node("apb-pclk", ["phandle": .cell(0x8000)])])
        let blob = try Tree(root: root).serialized()
        host.kernel.withState { $0.files["/sys/firmware/fdt"] = blob }
        host.add(
            "device",
            properties: ["compatible": .string("x"), "clocks": .cell(0x8000), "phys": .cell(1), "iommus": .cell(2)])
        let devices = try host.open(.init(.host("device")))
        let before = host.kernel.withState { $0.callCount }

        let result = try generate(devices)

        #expect(result.node[property: "clocks"] != nil)
        #expect(host.kernel.withState { $0.callCount } - before < 30)
    }

    /// The blob of the boot is out of date: the live tree has the last word.
    @Test mutating func `an overlay of the hosts is seen`() throws {
        addClock("new", phandle: 5, hertz: 1000)
        let root = Node("", children: [Node("old", ["phandle": .cell(5)])])
        let blob = try Tree(root: root).serialized()
        host.kernel.withState { $0.files["/sys/firmware/fdt"] = blob }
        let result = try node(["compatible": .string("x"), "clocks": .cell(5)])
        // Above the host's highest phandle.
        #expect(result.node[property: "clocks"] == .cell(6))
        #expect(shared.nodes.map(\.name) == ["clock-1000"])
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import LinuxSystem
import Passthrough
import Testing

@testable import Machine

/// Overlays that go too far, and properties that are not what they are taken for.
@Suite struct OverlayBoundsTests {
    private let fixture = TreeFixture()

    private func error(_ path: String, _ content: Node) throws -> MachineError? {
        try fixture.addOverlay([(path, content)])
        return fixture.error(fixture.configuration(overlays: ["/o.dtbo"]))
    }

    /// The overlay, property and node of which an error tells.
    private func told(_ error: MachineError?) -> [String] {
        guard case .boardOverlay(let overlay, let property, let node, _)? = error else { return [] }
        return [overlay, property, node]
    }

    private func remedy(_ error: MachineError?) -> String? {
        guard case .boardOverlay(_, _, _, let remedy)? = error else { return nil }
        return remedy
    }

    // MARK: What is Martlet's to write

    @Test(
        arguments: [
            ("/memory@80000000", "reg", PropertyValue.cells64([0, 4096])),
            ("/memory@80000000", "linux,usable-memory", .cells64([0, 4096])),
            ("/cpus/cpu@0", "enable-method", .string("spin-table")), ("/cpus", "#address-cells", .cell(2)),
            ("/psci", "method", .string("smc")), ("/timer", "interrupts", .cells([1, 2, 3])),
            ("/timer", "interrupt-parent", .cell(9)), ("/timer", "status", .string("disabled")),
            (TreeFixture.controller, "reg", .cells64([1, 2, 3, 4])), (TreeFixture.controller, "status", .string("no")),
            ("/", "interrupt-parent", .cell(9)), ("/", "#size-cells", .cell(1)),
        ] as [(String, String, PropertyValue)])
    func `a property of the machine is not an overlay's to change`(
        path: String, property: String, value: PropertyValue
    ) throws {
        #expect(
            try told(error(path, Node("", [property: value])))
                == ["device-tree.overlays[0]: /o.dtbo", property, path])
    }

    @Test(
        arguments: [
            ("/", Node("memory@c0000000", ["device_type": .string("memory")])),
            ("/", Node("more", ["device_type": .string("memory")])), ("/cpus", Node("cpu@7")),
            ("/", Node("gic", ["interrupt-controller": .empty, "#interrupt-cells": .cell(3)])),
            (
                "/platform-bus@c000000",
                Node("gic", ["interrupt-controller": .empty, "compatible": .string("arm,gic-v3")])
            ),
            (TreeFixture.controller, Node("v2m@0", ["msi-controller": .empty])),
        ] as [(String, Node)])
    func `a node of the machine is not an overlay's to add`(path: String, node: Node) throws {
        let place = path == "/" ? "" : path
        #expect(
            try told(error(path, Node("", children: [node])))
                == ["device-tree.overlays[0]: /o.dtbo", "", "\(place)/\(node.name)"])
    }

    @Test func `the remedy is the key that says it`() throws {
        #expect(
            try remedy(error("/memory@80000000", Node("", ["reg": .cell(0)])))
                == "set machine-config.mem_size_mib and machine-config.ram_base instead")
        #expect(
            try remedy(error("/cpus", Node("", children: [Node("cpu@1")]))) == "set machine-config.vcpu_count instead")
    }

    @Test func `an overlay may say more of the machine`() throws {
        try fixture.addOverlay([
            ("/cpus", Node("", children: [Node("cpu-map", children: [Node("cluster0")])])),
            ("/cpus/cpu@0", Node("", ["capacity-dmips-mhz": .cell(1024), "enable-method": .string("psci")])),
            ("/timer", Node("", ["arm,no-tick-in-suspend": .empty, "status": .string("okay")])),
            ("/", Node("", ["model": .string("mine")])),
        ])
        let tree = try fixture.tree(fixture.configuration(overlays: ["/o.dtbo"]))
        #expect(tree.node(at: "/cpus/cpu-map/cluster0") != nil)
        #expect(tree.node(at: "/cpus/cpu@0")?[property: "capacity-dmips-mhz"] == .cell(1024))
        #expect(tree.root[property: "model"] == .string("mine"))
        #expect(fixture.warnings == [])
    }

    @Test func `what an overlay says of the boot gives way to Martlet's`() throws {
        try fixture.addOverlay([
            (
                "/chosen",
                Node(
                    "",
                    [
                        "bootargs": .string("mine"), "linux,initrd-start": .cell64(5), "kaslr-seed": .cell64(1),
                        "mine": .empty,
                    ])
            )
        ])
        var configuration = fixture.configuration(overlays: ["/o.dtbo"])
        let chosen = try #require(try fixture.tree(configuration).node(at: "/chosen"))
        #expect(chosen[property: "bootargs"] == .string("console=ttyS0 panic=-1"))
        #expect(chosen[property: "linux,initrd-start"]?.cell64.map { $0 > 0x8000_0000 } == true)
        #expect(chosen[property: "kaslr-seed"] == nil)
        #expect(chosen[property: "mine"] == .empty)
        #expect(
            fixture.warnings.map { $0.split(separator: " ")[3] }.sorted()
                == ["bootargs", "kaslr-seed", "linux,initrd-start"])
        #expect(
            fixture.warnings.contains(
                "warning: device-tree.overlays[0]: /o.dtbo: bootargs of /chosen is ignored: Martlet writes it (found \"mine\")"
            ))
        // Where the configuration says nothing of them, they are the overlay's.
        configuration.bootSource.bootArguments = nil
        #expect(try fixture.tree(configuration).node(at: "/chosen")?[property: "bootargs"] == .string("mine"))
    }

    // MARK: References at the end

    @Test func `an overlay's interrupt that leads nowhere is refused`() throws {
        #expect(
            try error("/", Node("", children: [Node("dev", ["interrupt-parent": .cell(77)])]))?.reference?.facts
                == "interrupt-parent of /dev to 77: noNode")
    }

    @Test func `a device's reference that leads nowhere is a warning, and strictly an error`() throws {
        var settings = DeviceTreeSettings(properties: [.init("phy-handle", .cells([.number(77)]))])
        _ = try fixture.tree(fixture.configuration(settings))
        #expect(
            fixture.warnings == [
                "warning: device tree: phy-handle of \(TreeFixture.device) refers to the phandle 0x4d, which no node has"
            ])
        settings.isStrict = true
        #expect(
            fixture.error(fixture.configuration(settings))?.reference?.facts
                == "phy-handle of \(TreeFixture.device) to 77: noNode")
    }

    // MARK: Labels of a base, aliases

    @Test func `a base without labels is told`() throws {
        try fixture.addBase([Node("radio")])
        let settings = DeviceTreeSettings(properties: [.init("x", .cells([.reference("radio")]))])
        guard
            case .unlabelledBase("device-tree.base: /base.dtb", .unknownLabel(let key, label: "radio", _))? =
                fixture.error(fixture.configuration(settings, base: "/base.dtb"))
        else {
            Issue.record("the label is found")
            return
        }
        #expect(key == "platform-devices[0].device_tree.properties.x")
        try fixture.add(
            "/o.dtbo",
            Tree(
                root: Node(
                    "",
                    children: [
                        Node("fragment@0", ["target": .cell(.max)], children: [Node("__overlay__", ["a": .empty])]),
                        Node("__fixups__", ["radio": .string("/fragment@0:target:0")]),
                    ])))
        let configuration = fixture.configuration(base: "/base.dtb", overlays: ["/o.dtbo"])
        guard
            case .unlabelledBase(_, .overlay(.overlay(_, .unknownLabel("radio", _, _, _))))? =
                fixture.error(configuration)
        else {
            Issue.record("the overlay's label is found")
            return
        }
        try fixture.addBase([Node("radio"), Node("__symbols__", ["other": .string("/radio")])])
        guard case .overlay(.overlay(_, .unknownLabel("radio", _, _, _)))? = fixture.error(configuration) else {
            Issue.record("another error")
            return
        }
    }

    @Test func `a target may be an alias of the base`() throws {
        try fixture.addBase([
            Node("aliases", ["radio0": .string("/bus/radio@0")]), Node("bus", children: [Node("radio@0")]),
        ])
        try fixture.addOverlay([("radio0", Node("", ["status": .string("okay")]))])
        let tree = try fixture.tree(fixture.configuration(base: "/base.dtb", overlays: ["/o.dtbo"]))
        #expect(tree.node(at: "/bus/radio@0")?[property: "status"] == .string("okay"))
    }

    // MARK: Text in the place of a reference

    @Test(arguments: [
        ("phy-handle", ["&phy"], #"{"phandle": "phy"}"#), ("interrupt-parent", ["<&gic>"], #"{"phandle": "gic"}"#),
        ("phy-handle", ["phy"], #"{"phandle": "phy"}"#),
        ("interrupts-extended", ["<&gic 0 0x10 4>"], #"[{"phandle": "gic"}, 0, 16, 4]"#),
        ("clocks", ["&a", "&b"], #"[{"phandle": "a"}, {"phandle": "b"}]"#),
        ("reset-gpios", ["&{/soc/gpio}"], #"{"phandle": "LABEL"}"#), ("dmas", [""], #"{"phandle": "LABEL"}"#),
        ("interrupt-map", ["é"], #"{"phandle": "LABEL"}"#),
    ])
    func `a reference that is text is told with what to write`(name: String, strings: [String], form: String) {
        let settings = DeviceTreeSettings(properties: [.init(name, .strings(strings))])
        let found = strings.map { "\"\($0)\"" }.joined(separator: ", ")
        let error = MachineError.referenceText(
            key: "platform-devices[0].device_tree.properties.\(name)", property: name, found: found, form: form)
        #expect(fixture.error(fixture.configuration(settings)) == error)
        let check = MachineCheck(
            fixture.configuration(settings), calls: fixture.host.kernel, log: fixture.host.log.log)
        #expect(check.problems == [error.description])
    }

    @Test func `text is text elsewhere`() throws {
        let settings = DeviceTreeSettings(properties: [
            .init("phy-mode", .strings(["rgmii"])), .init("clock-names", .strings(["a", "b"])),
        ])
        let tree = try fixture.tree(fixture.configuration(settings))
        #expect(tree.node(at: TreeFixture.device)?[property: "phy-mode"] == .string("rgmii"))
    }
}

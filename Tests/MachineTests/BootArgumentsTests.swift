// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import Foundation
import KernelFakes
import LinuxSystem
import Testing

@testable import Machine

/// The guest kernel's command line: whose it is, and whether its console is there.
@Suite struct BootArgumentsTests {
    private let host = FakeHost()

    private func configuration(
        _ arguments: String?, base: String? = nil, overlay: String? = nil, devices: [PlatformDevice] = []
    ) throws -> MachineConfiguration {
        var configuration = host.configuration(devices: devices)
        configuration.bootSource.bootArguments = arguments
        if let base {
            let chosen = Node("chosen", ["bootargs": .string(base)])
            try addTree(
                "/base.dtb",
                Node("", ["#address-cells": .cell(2), "#size-cells": .cell(2)], children: [chosen]))
            configuration.deviceTree.base = "/base.dtb"
        }
        if let overlay {
            let fragment = Node(
                "fragment@0", ["target-path": .string("/chosen")],
                children: [Node("__overlay__", ["bootargs": .string(overlay)])])
            try addTree("/o.dtbo", Node("", children: [fragment]))
            configuration.deviceTree.overlays = ["/o.dtbo"]
        }
        return configuration
    }

    private func addTree(_ path: String, _ root: Node) throws {
        let blob = try Tree(root: root).serialized()
        host.kernel.withState { $0.files[path] = blob }
    }

    private func check(_ configuration: MachineConfiguration) -> [String] {
        let check = MachineCheck(configuration, calls: host.kernel, log: host.log.log)
        #expect(check.problems == [])
        return check.facts.filter { $0.hasPrefix("boot_args") }
    }

    private var warnings: [String] { host.log.all.filter { $0.hasPrefix("warning: ") && $0.contains("console") } }

    // MARK: Whose it is

    private static let fromBase = #"boot_args: "8250.nr_uarts=0 coherent_pool=1M" (from device-tree.base)"#

    @Test func `a base trees command line is told as its own`() throws {
        let base = "8250.nr_uarts=0 coherent_pool=1M"
        #expect(check(try configuration(nil, base: base)) == [Self.fromBase])
        #expect(check(try configuration("quiet", base: base)) == [])
        #expect(check(try configuration("quiet")) == [])
        #expect(check(try configuration(nil)) == [])
    }

    @Test func `so is an overlays`() throws {
        #expect(
            check(try configuration(nil, overlay: "panic=1"))
                == [#"boot_args: "panic=1" (from device-tree.overlays)"#])
        // What the configuration says counts.
        #expect(check(try configuration("quiet", overlay: "panic=1")) == [])
    }

    @Test func `the report says it too`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        let hypervisor = try host.makeHypervisor()
        let terminal = try FakeTerminal()
        let plan = try host.makePlan(
            try configuration(nil, base: "8250.nr_uarts=0 coherent_pool=1M"), hypervisor: hypervisor)
        let report = try MicroVM(
            plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile()
        ).run().report
        #expect(report.text.split(separator: "\n").contains { $0 == Self.fromBase })
        let json = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(report)) as? [String: Any]
        #expect(
            json?["boot_args"] as? [String: String]
                == ["text": "8250.nr_uarts=0 coherent_pool=1M", "source": "device-tree.base"])
    }

    // MARK: Consoles

    @Test(
        arguments: [
            ("", []), ("quiet", []), ("console=ttyS0", ["ttyS0"]),
            ("console=tty0  console=ttyS0,115200n8 x", ["tty0", "ttyS0,115200n8"]),
            ("\"console=a b\" earlyconsole=c xconsole=d", ["a b"]), ("console=a -- console=b", ["a"]),
            ("console=", [""]),
            ("x=\"1 console=a\" console=b", ["b"]), ("console=a\tconsole=b", ["a", "b"]),
        ] as [(String, [String])])
    func `what a command line names`(text: String, consoles: [String]) throws {
        let tree = Tree(root: Node("", children: [Node("chosen", ["bootargs": .string(text)])]))
        let arguments = try #require(BootArguments(of: tree, configured: text, base: nil))
        #expect(arguments.consoles == consoles)
    }

    @Test func `a console that there is not is warned of`() throws {
        _ = check(try configuration("console=ttyAMA0"))
        #expect(
            warnings == [
                """
                warning: boot-source.boot_args: "console=ttyAMA0": this machine has no such console, so the guest's \
                messages are lost
                  use console=ttyS0
                """
            ])
    }

    @Test func `a base trees console is warned of as its own`() throws {
        _ = check(try configuration(nil, base: "console=ttymxc0,115200 console=tty1"))
        #expect(warnings.count == 1)
        #expect(
            warnings.first?.hasPrefix(
                #"warning: device-tree.base: "console=ttymxc0,115200", "console=tty1": this machine has no such console"#
            )
                == true)
    }

    @Test(arguments: [
        "", "quiet", "console=ttyS0", "console=ttyS0,115200n8", "console=tty0 console=ttyS0",
        "console=ttyAMA0 console=ttyS0",
        "console=", "console=null", "console=ttynull", "console=uart8250,mmio,0x9000000",
        "console=uart,mmio32,0x9000000",
        "earlycon -- console=ttyAMA0",
    ])
    func `these are fine`(text: String) throws {
        _ = check(try configuration(text))
        #expect(warnings == [])
    }

    @Test(arguments: [
        "console=ttyS1", "console=tty0", "console=hvc0", "console=ttyTHS0", "console=ttyUSB0", "console=ttyAMA0,115200",
    ])
    func `these are not`(text: String) throws {
        _ = check(try configuration(text))
        #expect(warnings.count == 1)
    }

    @Test(arguments: [
        ("1000.serial", "arm,pl011", "ttyAMA0", true), ("1000.serial", "arm,pl011", "ttyAMA1,115200", true),
        ("1000.serial", "nvidia,tegra194-hsuart", "ttyTHS1", true), ("1000.serial", "ns16550a", "ttyS1", true),
        ("1000.serial", "ns16550a", "ttyAMA0", false), ("1000.mmio", "virtio,mmio", "hvc0", true),
        ("1000.usb", "generic-xhci", "ttyUSB0", true), ("1000.gpu", "arm,mali-valhall-csf", "tty0", true),
        ("1000.net", "test,net", "ttyAMA0", false), ("1000.net", "test,net", "ttymxc0", false),
    ])
    func `a passed through device may bring one`(name: String, compatible: String, console: String, isThere: Bool)
        throws
    {
        host.add(name, properties: ["compatible": .string(compatible)])
        _ = check(try configuration("console=\(console)", devices: [.named(name)]))
        #expect(warnings.isEmpty == isThere, "\(warnings)")
    }
}

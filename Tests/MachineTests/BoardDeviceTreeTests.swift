// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import KVM
import KernelFakes
import PlatformBus
import Testing
import VFIO

@testable import Machine

@Suite struct BoardDeviceTreeTests {
    private let host = FakeHost()

    /// The tree that the guest would boot with on `host`.
    private func blob(_ configuration: MachineConfiguration) throws -> [UInt8] {
        let hypervisor = try host.makeHypervisor()
        return try host.makePlan(configuration, hypervisor: hypervisor).deviceTree(hypervisor: hypervisor)
    }

    private func tree(_ configuration: MachineConfiguration) throws -> Tree {
        try Tree(parsing: try blob(configuration))
    }

    private func property(_ tree: Tree, _ path: String, _ name: String) -> PropertyValue? {
        tree.node(at: path)?[property: name]
    }

    /// KVM_DEV_TYPE_ARM_VGIC_V3: a host that has only a GICv2.
    private func refuseGICv3() { host.kernel.withState { $0.kvm.refusedDevices = [7] } }

    private func addClockDevice() {
        host.kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/apb-pclk/compatible"] = Array("fixed-clock\0".utf8)
            state.files["/sys/firmware/devicetree/base/apb-pclk/phandle"] = PropertyValue.cell(0x8000).bytes
            state.files["/sys/firmware/devicetree/base/apb-pclk/#clock-cells"] = PropertyValue.cell(0).bytes
            state.files["/sys/firmware/devicetree/base/apb-pclk/clock-frequency"] = PropertyValue.cell(24_000_000).bytes
        }
        host.add(
            "9010000.pl031", bus: .amba,
            properties: [
                "compatible": .strings(["arm,pl031", "arm,primecell"]), "clocks": .cell(0x8000),
                "clock-names": .string("apb_pclk"), "reg": .cells64([0x901_0000, 0x1000]),
            ])
    }

    // MARK: Structure

    @Test func `the root and chosen say how to boot`() throws {
        let tree = try tree(host.configuration())
        #expect(property(tree, "/", "compatible") == .string("linux,dummy-virt"))
        #expect(property(tree, "/", "#address-cells") == .cell(2))
        #expect(property(tree, "/", "#size-cells") == .cell(2))
        #expect(property(tree, "/", "interrupt-parent")?.phandle.flatMap(tree.path) == "/interrupt-controller@8000000")
        #expect(property(tree, "/chosen", "bootargs") == .string("console=ttyS0 panic=-1"))
        let serial = try #require(property(tree, "/chosen", "stdout-path")?.string).split(separator: ":")
        #expect(tree.node(at: String(serial[0])) != nil)
        #expect(serial[1] == "115200n8")
        #expect(property(tree, "/aliases", "serial0") == .string(String(serial[0])))
        // /Image takes 1 MiB from the RAM base.
        #expect(property(tree, "/chosen", "linux,initrd-start") == .cell64(0x8010_0000))
        #expect(property(tree, "/chosen", "linux,initrd-end") == .cell64(0x8010_0000 + 5000))
    }

    @Test func `every seed is another`() throws {
        let first = try #require(property(tree(host.configuration()), "/chosen", "rng-seed"))
        let second = try #require(property(tree(host.configuration()), "/chosen", "rng-seed"))
        #expect(first.bytes.count == 32)
        #expect(first != second)
    }

    @Test func `without initrd and arguments there are none`() throws {
        var configuration = host.configuration(initrd: nil)
        configuration.bootSource.bootArguments = nil
        let tree = try tree(configuration)
        #expect(Set(tree.node(at: "/chosen")?.properties.map(\.name) ?? []) == ["stdout-path", "rng-seed"])
    }

    @Test func `memory is where the layout says`() throws {
        let tree = try tree(host.configuration(mebibytes: 3072))
        #expect(property(tree, "/memory@80000000", "reg") == .cells64([0x8000_0000, 3072 << 20]))
        #expect(property(tree, "/memory@80000000", "device_type") == .string("memory"))
    }

    /// KVM's MPIDR: 16 vCPUs to a cluster (arch/arm64/kvm/sys_regs.c, reset_mpidr).
    @Test(arguments: [1, 16, 17, 32])
    func `each VCPU has its affinity`(count: Int) throws {
        let tree = try tree(host.configuration(vcpus: count))
        let cpus = try #require(tree.node(at: "/cpus"))
        #expect(cpus.children.count == count)
        let affinities = (0..<UInt32(count)).map { ($0 / 16) << 8 | $0 % 16 }
        #expect(cpus.children.map { $0[property: "reg"] } == affinities.map { .cell($0) })
        #expect(cpus.children.map(\.name) == affinities.map { "cpu@" + String($0, radix: 16) })
        #expect(cpus.children.allSatisfy { $0[property: "enable-method"] == .string("psci") })
        #expect(property(tree, "/psci", "method") == .string("hvc"))
        #expect(property(tree, "/psci", "compatible")?.strings?.contains("arm,psci-0.2") == true)
    }

    @Test func `a GICv3 has a redistributor for each VCPU`() throws {
        let tree = try tree(host.configuration(vcpus: 3))
        let path = "/interrupt-controller@8000000"
        #expect(property(tree, path, "compatible") == .string("arm,gic-v3"))
        #expect(property(tree, path, "reg") == .cells64([0x800_0000, 0x10000, 0x80A_0000, 3 * 0x20000]))
        #expect(property(tree, path, "#interrupt-cells") == .cell(3))
        #expect(property(tree, path, "interrupt-controller") == .empty)
        // Secure, non-secure, virtual, hypervisor: PPIs 13, 14, 11, 10, level high.
        #expect(property(tree, "/timer", "interrupts") == .cells([1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4]))
    }

    @Test(arguments: [(1, 0x104), (3, 0x704), (8, 0xFF04)] as [(Int, UInt32)])
    func `a GICv2 has ACPU interface and masks`(count: Int, flags: UInt32) throws {
        refuseGICv3()
        let tree = try tree(host.configuration(vcpus: count))
        let path = "/interrupt-controller@8000000"
        #expect(property(tree, path, "compatible") == .string("arm,cortex-a15-gic"))
        #expect(property(tree, path, "reg") == .cells64([0x800_0000, 0x1000, 0x801_0000, 0x2000]))
        #expect(
            property(tree, "/timer", "interrupts") == .cells([1, 13, flags, 1, 14, flags, 1, 11, flags, 1, 10, flags]))
    }

    @Test func `the emulated devices are there`() throws {
        let tree = try tree(host.configuration())
        #expect(property(tree, "/serial@9000000", "compatible") == .string("ns16550a"))
        #expect(property(tree, "/serial@9000000", "interrupts") == .cells([0, 0, 4]))
        let clocks = tree.root.children.filter { $0[property: "compatible"]?.strings?.contains("arm,pl031") == true }
        #expect(clocks.map(\.name) == ["rtc@9010000"])
        #expect(clocks.first?[property: "interrupts"] == .cells([0, 1, 4]))
        let clock = try #require(clocks.first?[property: "clocks"]?.phandle)
        let provider = try #require(tree.path(of: clock))
        #expect(property(tree, provider, "compatible") == .string("fixed-clock"))
        #expect(tree.node(at: "/platform-bus@c000000") == nil)
    }

    @Test func `a passed through device is on the platform bus`() throws {
        addClockDevice()
        let tree = try tree(host.configuration(devices: [.named("9010000.pl031")]))
        let bus = try #require(tree.node(at: "/platform-bus@c000000"))
        #expect(bus[property: "compatible"] == .string("simple-bus"))
        #expect(
            bus[property: "ranges"]
                == .cells64([
                    0x0C00_0000, 0x0C00_0000, 0x7400_0000, 0xC000_0000, 0xC000_0000, (1 << 40) - 0xC000_0000,
                ]))
        let device = try #require(bus.children.first)
        #expect(device[property: "reg"] == .cells64([0x0C00_0000, 0x1000]))
        // SPIs 0 and 1 are the serial port's and the RTC's.
        #expect(device[property: "interrupts"] == .cells([0, 2, 4]))
        let provider = try #require(device[property: "clocks"]?.phandle.flatMap(tree.path))
        #expect(property(tree, provider, "clock-frequency") == .cell(24_000_000))
        // Linux uses the first PL031 that it finds, so there is only the real one.
        #expect(tree.node(at: "/rtc@9010000") == nil)
    }

    /// dtc and the bindings want an address of what is on a bus.
    @Test func `a device without address is at the root`() throws {
        addClockDevice()
        addKeys("gpio-keys")
        let tree = try tree(host.configuration(devices: [.named("gpio-keys"), .named("9010000.pl031")]))
        #expect(property(tree, "/gpio-keys", "compatible") == .string("gpio-keys"))
        #expect(tree.node(at: "/platform-bus@c000000")?.children.map(\.name) == ["pl031@c000000"])
    }

    @Test func `without a device that has an address there is no platform bus`() throws {
        addKeys("gpio-keys")
        let tree = try tree(host.configuration(devices: [.named("gpio-keys")]))
        #expect(tree.node(at: "/gpio-keys") != nil)
        #expect(tree.node(at: "/platform-bus@c000000") == nil)
    }

    @Test func `a device with the name of the boards timer leaves that alone`() throws {
        addKeys("timer")
        let tree = try tree(host.configuration(devices: [.named("timer")]))
        #expect(property(tree, "/timer", "compatible") == .string("arm,armv8-timer"))
        #expect(property(tree, "/platform-bus@c000000/timer", "compatible") == .string("gpio-keys"))
    }

    private func addKeys(_ name: String) {
        host.add(
            name, group: 9, regions: [], interrupts: [], properties: ["compatible": .string("gpio-keys")])
    }

    @Test func `without a hypervisor there is AGI cv 3`() throws {
        let tree = try Tree(parsing: try host.makePlan(host.configuration()).deviceTree(hypervisor: nil))
        #expect(property(tree, "/interrupt-controller@8000000", "compatible") == .string("arm,gic-v3"))
        #expect(!host.kernel.journal.contains { $0.description.contains("KVM") })
    }

    // MARK: dtc

    private static let dtc = HostTool(onPath: "dtc")

    @Test(
        .enabled(if: dtc != nil, "dtc (package device-tree-compiler) is not on the PATH"),
        arguments: [(1, true), (32, false)], [InterruptController.Version.v2, .v3])
    func `dtc has nothing to say`(size: (vcpus: Int, hasInitrd: Bool), version: InterruptController.Version) throws {
        if version == .v2 { refuseGICv3() }
        addClockDevice()
        host.add(
            "2000.transport", group: 8, regions: [.init(size: 0x200, access: [.read, .write])], interrupts: [.edge])
        addKeys("gpio-keys")
        for devices in [
            [], [.named("gpio-keys")],
            [PlatformDevice.named("9010000.pl031"), .named("2000.transport"), .named("gpio-keys")],
        ] {
            let vcpus = version == .v2 ? min(size.vcpus, 8) : size.vcpus
            let blob = try blob(
                host.configuration(vcpus: vcpus, initrd: size.hasInitrd ? "/initrd" : nil, devices: devices))
            let result = try #require(Self.dtc).run(["-I", "dtb", "-O", "dts"] + dtcWarnings + ["-"], input: blob)
            #expect(result.status == 0)
            #expect(result.messages.isEmpty)
        }
    }
}

/// Checks that dtc leaves off by default.
let dtcWarnings = ["-Wnode_name_chars_strict", "-Wproperty_name_chars_strict", "-Winterrupt_provider"]

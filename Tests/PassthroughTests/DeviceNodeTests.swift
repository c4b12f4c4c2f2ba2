// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import KernelFakes
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

@Suite struct DeviceNodeTests {
    private let host: Host
    private var clocks = ClockNodes(phandles: PhandleAllocator())

    init() throws { host = try Host() }

    /// The guest's node of a device with these properties on the host.
    private mutating func node(
        _ properties: [String: PropertyValue], name: String = "9010000.pl031",
        regions: [FakeVFIODevice.Region] = [.init()],
        interrupts: [FakeVFIODevice.Interrupt] = [.level]
    ) throws -> DeviceNode {
        host.add(name, regions: regions, interrupts: interrupts, properties: properties)
        let devices = try host.open(.init(.host(name)))
        let device = try #require(devices.devices.first)
        return try device.deviceNode(clocks: &clocks, sysfs: host.sysfs)
    }

    private func addClock(_ name: String, phandle: UInt32, hertz: UInt32, compatible: String = "fixed-clock") {
        host.setNode(
            "/\(name)",
            [
                "compatible": .string(compatible), "phandle": .cell(phandle), "clock-frequency": .cell(hertz),
                "#clock-cells": .cell(0),
            ])
    }

    @Test mutating func plainPropertiesAreCopiedAndAddressesRewritten() throws {
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

    @Test mutating func theHostsUnitAddressGivesWayToTheGuests() throws {
        host.setNode("/soc/pl031@9010000", ["compatible": .string("arm,pl031")])
        host.add("9010000.pl031", properties: ["compatible": .string("x")])
        host.kernel.withState { state in
            state.links["/sys/devices/platform/9010000.pl031/of_node"] =
                "../../../firmware/devicetree/base/soc/pl031@9010000"
        }
        let devices = try host.open(.init(.host("9010000.pl031"), placement: .fixed(GuestAddress(0x0D00_0000))))
        let result = try #require(devices.devices.first).deviceNode(clocks: &clocks, sysfs: host.sysfs)
        #expect(result.node.name == "pl031@d000000")
        #expect(result.node[property: "compatible"] == .string("arm,pl031"))
    }

    @Test mutating func everyRegionAndInterruptIsListed() throws {
        let result = try node(
            ["compatible": .string("x")], regions: [.init(), .init(size: 0x2000)], interrupts: [.level, .edge])
        #expect(result.node[property: "reg"] == .cells64([0x0C00_0000, 0x1000, 0x0C00_2000, 0x2000]))
        #expect(result.node[property: "interrupts"] == .cells([0, 0, 4, 0, 1, 1]))
    }

    @Test mutating func aDeviceWithoutRegionsAndInterruptsHasNeitherProperty() throws {
        let result = try node(["compatible": .string("x")], name: "plain", regions: [], interrupts: [])
        #expect(result.node.name == "plain")
        #expect(result.node.properties.map(\.name) == ["compatible"])
    }

    @Test mutating func referencesToTheHostAreDroppedAndListed() throws {
        let references = [
            "iommus", "resets", "power-domains", "pinctrl-0", "pinctrl-names", "vdd-supply", "reset-gpios", "dmas",
            "interconnects", "memory-region", "phys", "assigned-clocks", "cs-gpios", "msi-parent", "nvmem-cells",
        ]
        var properties: [String: PropertyValue] = ["compatible": .string("x")]
        for name in references { properties[name] = .cell(0x8003) }
        let result = try node(properties)
        #expect(Set(result.omitted) == Set(references))
        #expect(result.node.properties.map(\.name) == ["compatible", "reg", "interrupts"])
    }

    // MARK: Clocks

    @Test mutating func aFixedClockIsMadeForTheGuest() throws {
        addClock("apb-pclk", phandle: 0x8000, hertz: 24_000_000)
        let result = try node([
            "compatible": .string("x"), "clocks": .cell(0x8000), "clock-names": .string("apb_pclk"),
        ])
        let clock = try #require(clocks.nodes.first)
        #expect(clocks.nodes.count == 1)
        #expect(clock.name == "clock-24000000")
        #expect(clock[property: "compatible"] == .string("fixed-clock"))
        #expect(clock[property: "#clock-cells"] == .cell(0))
        #expect(clock[property: "clock-frequency"] == .cell(24_000_000))
        #expect(result.node[property: "clocks"]?.phandle == clock.phandle)
        #expect(result.node[property: "clock-names"] == .string("apb_pclk"))
        #expect(result.omitted.isEmpty)
    }

    @Test mutating func clocksOfOneRateAreShared() throws {
        addClock("clocks/a", phandle: 1, hertz: 24_000_000)
        addClock("clocks/b", phandle: 2, hertz: 24_000_000)
        addClock("clocks/c", phandle: 3, hertz: 48_000_000)
        let first = try node(
            ["clocks": .cells([1, 3]), "clock-names": .strings(["a", "c"])], name: "first")
        let second = try node(["clocks": .cell(2)], name: "second")
        #expect(clocks.nodes.map(\.name) == ["clock-24000000", "clock-48000000"])
        let phandles = clocks.nodes.compactMap(\.phandle).map(\.rawValue)
        #expect(first.node[property: "clocks"] == .cells(phandles))
        #expect(second.node[property: "clocks"] == .cells([phandles[0]]))
        #expect(second.node[property: "clock-names"] == nil)
    }

    @Test mutating func aClockThatIsNotFixedIsDroppedWithItsName() throws {
        addClock("fixed", phandle: 1, hertz: 24_000_000)
        addClock("controller", phandle: 2, hertz: 1, compatible: "vendor,clock-controller")
        let result = try node(["clocks": .cells([1, 2, 7]), "clock-names": .strings(["a", "b"])])
        #expect(result.node[property: "clocks"] == nil)
        #expect(result.node[property: "clock-names"] == nil)
        #expect(result.omitted == ["clocks"])
        // Nothing refers to the first one's either.
        #expect(clocks.nodes.isEmpty)
    }

    @Test mutating func aClockWhoseProviderIsNotThereIsDropped() throws {
        let result = try node(["clocks": .cell(0x8000)])
        #expect(result.node[property: "clocks"] == nil)
        #expect(result.omitted == ["clocks"])
    }

    @Test mutating func aClockOfNonsenseIsDropped() throws {
        let result = try node(["clocks": .bytes([1, 2, 3])])
        #expect(result.node[property: "clocks"] == nil)
        #expect(result.omitted == ["clocks"])
    }

    // MARK: Errors

    @Test mutating func aHostWithoutDeviceTreeIsAnError() throws {
        host.kernel.addHostDevice("device")
        let devices = try host.open(.init(.host("device")))
        let device = try #require(devices.devices.first)
        let error = #expect(throws: PassthroughError.self) {
            try device.deviceNode(clocks: &clocks, sysfs: host.sysfs)
        }
        #expect(
            error?.description == """
                device: the host's device tree has no node for it
                  the guest's driver could not find the device; this host was probably booted with ACPI
                """)
    }

    @Test mutating func aNodeThatCannotBeReadIsAnError() throws {
        host.add("device", properties: ["compatible": .string("x")])
        let devices = try host.open(.init(.host("device")))
        let device = try #require(devices.devices.first)
        host.kernel.withState { $0.failingCall = $0.callCount + 1 }
        let error = #expect(throws: PassthroughError.self) {
            try device.deviceNode(clocks: &clocks, sysfs: host.sysfs)
        }
        #expect(error?.description.contains("/sys/firmware/devicetree/base/soc/device: EIO") == true)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import GuestNodes
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import HostDevices

@Suite struct DeviceSurveyTests {
    private let host: Host
    private var kernel: FakeKernel { host.kernel }

    init() throws {
        host = Host()
        host.kernel.addIdleHost()
        host.setNode("", ["interrupt-parent": .cell(1)])
        host.setNode(
            "/intc@8000000",
            [
                "compatible": .string("arm,gic-v3"), "#interrupt-cells": .cell(3), "interrupt-controller": .empty,
                "phandle": .cell(1),
            ])
    }

    private func makeSurvey(pageSize: UInt64 = 4096) throws -> HostSurvey {
        try HostSurvey(sysfs: host.sysfs, proc: Sysfs(root: "/proc", system: kernel), pageSize: pageSize)
    }

    /// A device of the host with the node /soc/NAME.
    private func add(
        _ name: String, bus: HostDevice.Bus = .platform, group: Int? = 7, driver: String = "driver",
        _ properties: [String: PropertyValue]
    ) {
        kernel.addHostDevice(
            name, bus: bus, group: group, driver: driver, properties: properties.mapValues(\.bytes))
    }

    private func survey(_ name: String, pageSize: UInt64 = 4096) throws -> DeviceSurvey {
        try makeSurvey(pageSize: pageSize).survey(try HostDevice(host: name, sysfs: host.sysfs))
    }

    private func triggers(_ name: String) throws -> [InterruptTrigger?] { try survey(name).interrupts.map(\.trigger) }

    // MARK: The list

    @Test func `only devices with registers or interrupts are listed`() throws {
        add("1000.net", ["reg": .cells64([0x1000, 0x1000])])
        add("pmu", ["interrupts": .cells([0, 7, 4])])
        add("firmware", ["compatible": .string("x")])
        kernel.addHostDevice("snd-dummy")
        add("9010000.pl031", bus: .amba, ["reg": .cells64([0x901_0000, 0x1000])])
        #expect(try makeSurvey().devices().map(\.device.name) == ["1000.net", "pmu", "9010000.pl031"])
    }

    @Test func `what can't be read hides nothing`() throws {
        add("1000.net", ["reg": .cells64([0x1000, 0x1000])])
        add("2000.broken", ["reg": .cells64([0x2000, 0x1000])])
        kernel.withState { $0.links["/sys/devices/platform/2000.broken/iommu_group"] = "../../../kernel/x" }
        let survey = try makeSurvey()
        #expect(try survey.devices().map(\.device.name) == ["1000.net"])
        #expect(survey.errors.map(\.device) == ["2000.broken"])
    }

    // MARK: Regions

    @Test func `a region of whole pages is mappable`() throws {
        add(
            "device",
            [
                "reg": .cells64([0x901_0000, 0x1000, 0xA00_0200, 0x1000, 0xA00_1000, 0x200]),
                "reg-names": .strings(["core", "dma"]), "compatible": .strings(["x,y", "z"]),
            ])
        let survey = try survey("device")
        #expect(survey.compatible == ["x,y", "z"])
        #expect(survey.regions.map(\.name) == ["core", "dma", nil])
        #expect(survey.regions.map(\.hostAddress) == [0x901_0000, 0xA00_0200, 0xA00_1000])
        #expect(survey.regions.map(\.size) == [0x1000, 0x1000, 0x200])
        #expect(
            survey.regions.map(\.access) == [
                .mappable, .trappedForAddress(pageSize: 4096), .trappedForSize(pageSize: 4096),
            ])
    }

    @Test func `the hosts page size decides`() throws {
        add("device", ["reg": .cells64([0x901_0000, 0x1000, 0x902_0000, 0x1_0000, 0x901_1000, 0x1_0000])])
        #expect(
            try survey("device", pageSize: 65536).regions.map(\.access) == [
                .trappedForSize(pageSize: 65536), .mappable, .trappedForAddress(pageSize: 65536),
            ])
    }

    @Test func `a region behind a bus that is not translated is not known`() throws {
        add("device", ["reg": .cells64([0x100, 0x1000])])
        kernel.withState { $0.files["/sys/firmware/devicetree/base/soc/ranges"] = nil }
        let regions = try survey("device").regions
        #expect(regions.map(\.hostAddress) == [nil])
        #expect(regions.map(\.access) == [.unknown])
    }

    private func bus() throws -> BusMap {
        BusMap(
            windows: [try #require(GuestRange(base: GuestAddress(0x0C00_0000), size: 0x100_0000))], spiCount: 988)
    }

    @Test func `a block without bytes gets no window`() throws {
        add(
            "device", ["reg": .cells64([0x1000, 0x1000, 0x2000, 0, 0x3000, 0x1000]), "interrupts": .cells([0, 1, 4])])
        let survey = try survey("device")
        #expect(survey.regions.map(\.access) == [.mappable, .empty, .mappable])
        let request = try survey.nodeRequest(on: try bus())
        #expect(request.regions.map(\.size) == [0x1000, 0x1000])
        #expect(request.regionIndices == [0, 2])
        #expect(request.interrupts.map(\.trigger) == [.level])
    }

    /// The kernel counts no block behind one that it can't translate, so VFIO has no region for either.
    @Test func `a block that is not translated gets no window`() throws {
        add("device", ["reg": .cells64([0x1000, 0x1000, 0x9000, 0x1000, 0x2000, 0x1000])])
        kernel.withState { state in
            let ranges = PropertyValue.cells64([0x1000, 0x10_1000, 0x4000])
            state.files["/sys/firmware/devicetree/base/soc/ranges"] = ranges.bytes
        }
        let survey = try survey("device")
        #expect(survey.regions.map(\.hostAddress) == [0x10_1000, nil, 0x10_2000])
        #expect(try survey.nodeRequest(on: try bus()).regionIndices == [0])
    }

    @Test func `without a node the kernels table says where registers are`() throws {
        kernel.addHostDevice("ARMH0031:00", bus: .amba, driver: "rtc")
        kernel.addFile(
            "/proc/iomem",
            """
            00000000-08ffffff : reserved
            09010000-09010fff : ARMH0031:00
              09010000-09010fff : ARMH0031:00
            09030000-090301ff : ARMH0031:00
            09040000-09040fff : ARMH0061:00
            broken
            ffffffffffffffff-0 : ARMH0031:00
            """)
        let survey = try survey("ARMH0031:00")
        #expect(survey.regions.map(\.hostAddress) == [0x901_0000, 0x903_0000])
        #expect(survey.regions.map(\.size) == [0x1000, 0x200])
        #expect(survey.interrupts.isEmpty)
        #expect(survey.compatible.isEmpty)
        #expect(survey.verdict == .needsBind)
    }

    // MARK: Interrupts

    @Test func `flags of the GIC say edge or level`() throws {
        add(
            "device",
            [
                "interrupts": .cells([0, 1, 1, 0, 2, 2, 0, 3, 4, 0, 4, 8, 0, 5, 0, 0, 6]),
                "interrupt-names": .strings(["rx", "tx"]),
            ])
        let survey = try survey("device")
        // The last is not whole.
        #expect(survey.interrupts.map(\.trigger) == [.edge, .edge, .level, .level, nil])
        #expect(survey.interrupts.map(\.name) == ["rx", "tx", nil, nil, nil])
        #expect(survey.interrupts.map(\.isPerCPU) == [false, false, false, false, false])
    }

    @Test func `interrupts of each CPU can't be passed on`() throws {
        add("timer", ["interrupts": .cells([1, 13, 4, 1, 14, 4])])
        let survey = try survey("timer")
        #expect(survey.interrupts.map(\.isPerCPU) == [true, true])
        #expect(
            survey.verdict == .impossible(["VFIO can't pass per-CPU interrupts through"]))
    }

    @Test func `the nearest interrupt parent counts`() throws {
        host.setNode(
            "/soc/gpio@5000",
            [
                "compatible": .string("x,gpio"), "#interrupt-cells": .cell(2), "interrupt-controller": .empty,
                "phandle": .cell(2),
            ])
        add("button", ["interrupts": .cells([3, 1, 4, 8]), "interrupt-parent": .cell(2)])
        #expect(try triggers("button") == [.edge, .level])
    }

    @Test func `a controller above is the parent of what names none`() throws {
        kernel.withState { $0.files["/sys/firmware/devicetree/base/interrupt-parent"] = nil }
        host.setNode("/soc", ["#interrupt-cells": .cell(2), "interrupt-controller": .empty])
        add("device", ["interrupts": .cells([3, 4])])
        #expect(try triggers("device") == [.level])
    }

    @Test func `interrupts of several parents are told apart`() throws {
        host.setNode(
            "/soc/mux@1", ["#interrupt-cells": .cell(1), "interrupt-controller": .empty, "phandle": .cell(7)])
        add(
            "device",
            ["interrupts-extended": .cells([1, 0, 9, 4, 7, 3, 1, 0, 8, 1]), "interrupts": .cells([0, 1, 1])])
        #expect(try triggers("device") == [.level, nil, .edge])
    }

    @Test(arguments: [
        ["interrupts": PropertyValue.cells([0, 1, 4]), "interrupt-parent": .cell(99)],
        ["interrupts": .cells([0, 1, 4]), "interrupt-parent": .cell(5)], ["interrupts-extended": .cells([99, 1, 2])],
        ["interrupts": .bytes([1, 2, 3])],
    ])
    func `what makes no sense is left out`(properties: [String: PropertyValue]) throws {
        // A parent without cells, and one with more than there can be.
        host.setNode("/soc/none@1", ["phandle": .cell(5), "#interrupt-cells": .cell(.max)])
        add("device", properties)
        #expect(try survey("device").interrupts.isEmpty)
    }

    // MARK: Reset and verdict

    @Test func `a device of the host needs bind`() throws {
        add("1000.net", ["reg": .cells64([0x1000, 0x1000])])
        let survey = try survey("1000.net")
        #expect(survey.verdict == .needsBind)
        #expect(survey.reset == .knownOnceOpen)
        #expect(survey.problems.isEmpty)
    }

    @Test func `a device of VFIO is ready`() throws {
        add("1000.net", driver: "vfio-platform", ["reg": .cells64([0x1000, 0x1000])])
        #expect(try survey("1000.net").verdict == .ready)
        #expect(try survey("1000.net").reset == .knownOnceOpen)
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        #expect(try survey("1000.net").verdict == .ready)
        #expect(try survey("1000.net").reset == .yes)
    }

    @Test func `a ready device needs its group`() throws {
        add("1000.net", driver: "vfio-platform", ["reg": .cells64([0x1000, 0x1000])])
        add("2000.sata", driver: "ahci", ["reg": .cells64([0x2000, 0x1000])])
        #expect(try survey("1000.net").verdict == .needs(["its group without 2000.sata (ahci)"]))
    }

    @Test func `what is needed is said in full`() throws {
        add("1000.net", group: nil, ["compatible": .string("x,net"), "reg": .cells64([0x1000, 0x1000])])
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        let survey = try survey("1000.net")
        #expect(survey.verdict == .needs(["vfio_platform.reset_required=0", "no-IOMMU mode"]))
        #expect(survey.reset == .no)
    }

    @Test func `the console is impossible`() throws {
        add("1000.uart", ["reg": .cells64([0x1000, 0x1000])])
        kernel.addFile("/proc/consoles", "ttyS0                -W- (EC p a)    4:64\n")
        kernel.withState { $0.links["/sys/class/tty/ttyS0"] = "../../devices/platform/1000.uart/tty/ttyS0" }
        #expect(try survey("1000.uart").verdict == .impossible(["it is the host's console (ttyS0)"]))
    }
}

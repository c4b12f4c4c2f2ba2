// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import KernelFakes
import LinuxSystem
import Testing

/// What `bind` notes of a device before its driver goes, and what is off afterwards.
@Suite struct HostRecordTests {
    private static let name = "1000.net"
    private static let path = "/run/martlet/host-records/1000.net"
    private static let summary = "/sys/kernel/debug/clk/clk_summary"
    private static let domains = "/sys/kernel/debug/pm_genpd/pm_genpd_summary"
    private let host = Host()
    private var kernel: FakeKernel { host.kernel }
    private var binding: DeviceBinding { DeviceBinding(sysfs: host.sysfs, calls: kernel) }

    /// A host whose device has two clocks, a supply and two power domains.
    init() {
        host.setNode("/gate", ["phandle": .cell(2), "#clock-cells": .cell(1), "compatible": .string("v,gate")])
        host.setNode("/pmic/ldo1", ["phandle": .cell(3)])
        host.setNode("/pd", ["phandle": .cell(4), "#power-domain-cells": .cell(1)])
        let properties: [String: PropertyValue] = [
            "compatible": .string("v,net"), "clocks": .cells([2, 0, 2, 1]),
            "clock-names": .strings(["core", "bus"]), "phy-supply": .cell(3), "power-domains": .cells([4, 0, 4, 1]),
        ]
        kernel.addHostDevice(Self.name, driver: "stmmac", properties: properties.mapValues(\.bytes))
        kernel.withState { state in
            state.links["/sys/class/regulator/regulator.3"] = "../../devices/pmic/regulator.3"
            state.links["/sys/class/regulator/regulator.3/of_node"] =
                "../../../firmware/devicetree/base/pmic/ldo1"
        }
        kernel.addFile("/sys/class/regulator/regulator.3/name", "vcc_phy\n")
        kernel.addFile("/sys/class/regulator/regulator.3/microvolts", "1800000\n")
        setPower(on: true)
    }

    private func setPower(on: Bool) {
        let (count, hardware) = on ? (1, "Y") : (0, "N")
        kernel.addFile(
            Self.summary,
            """
                clock  count count count rate accuracy phase cycle enable consumer id
             core_gate  \(count) \(count) 0 125000000 0 0 50000 \(hardware)   1000.net  core
             bus_gate   \(count) \(count) 0 50000000 0 0 50000 \(hardware)   1000.net  bus
             other      1 1 0 1 0 0 50000 Y   2000.other  bus

            """)
        kernel.addFile("/sys/class/regulator/regulator.3/state", on ? "enabled\n" : "disabled\n")
        let state = on ? "on" : "off-0"
        let device = on ? "\n    genpd:0:1000.net  active  0  SW" : ""
        kernel.addFile(Self.domains, "pd_a  \(state)  0\(device)\npd_b  \(state)  0\(device)\npd_c  off-0  0\n")
    }

    private func device() throws -> HostDevice { try HostDevice(host: Self.name, sysfs: host.sysfs) }
    private func noted() throws -> HostRecord? { try HostRecord(of: Self.name, system: kernel) }
    private func losses() throws -> [String] {
        let record = try #require(try noted())
        return HostState(sysfs: host.sysfs, debugFS: kernel).losses(since: record).map(\.description)
    }

    @Test func `bind notes what the driver has before it takes the driver away`() throws {
        var order: [String] = []
        _ = try binding.bind(try device())
        for case .call(let call) in kernel.journal { order.append(call) }
        let unbind = try #require(order.firstIndex { $0.hasSuffix("drivers/stmmac/unbind") })
        let noting = try #require(order.firstIndex(of: "create \(Self.path)"))
        #expect(noting < unbind)
        let record = try #require(try noted())
        #expect(record.clocks.map(\.name) == ["core_gate", "bus_gate"])
        #expect(record.clock(named: "core", at: 0, of: 2)?.rate == 125_000_000)
        #expect(record.clock(named: "bus", at: 1, of: 2)?.rate == 50_000_000)
        #expect(record.clock(named: "ptp", at: 2, of: 3) == nil)
        #expect(record.supply("phy-supply")?.microvolts == 1_800_000)
        #expect(record.domains.map(\.name) == ["pd_a", "pd_b"])
        #expect(record.gaps.isEmpty)
        #expect(HostRecord(text: record.text) == record)
        #expect(kernel.held.isEmpty)
    }

    @Test func `release removes the record, and a bind that fails takes it back`() throws {
        _ = try binding.bind(try device())
        #expect(try binding.releaseSteps(for: try device()).map(\.command).contains("rm -f \(Self.path)"))
        _ = try binding.release(try device())
        #expect(try noted() == nil)
        kernel.withState { $0.sysfs.refusals["/sys/bus/platform/drivers/vfio-platform/bind"] = .invalidArgument }
        #expect(throws: HostDeviceError.self) { try binding.bind(try device()) }
        #expect(try noted() == nil)
    }

    /// What the driver had is known from the first time on.
    @Test func `a bind that goes on where another was killed keeps the record`() throws {
        _ = try binding.bind(try device())
        let record = try noted()
        setPower(on: false)
        try kernel.writeFile("/sys/bus/platform/drivers/vfio-platform/unbind", Array("1000.net\n".utf8))
        _ = try binding.bind(try device())
        #expect(try noted() == record)
    }

    @Test func `a device without clocks, supplies and domains gets no record`() throws {
        host.setNode("/osc", ["phandle": .cell(9), "#clock-cells": .cell(0), "compatible": .string("fixed-clock")])
        kernel.addHostDevice(
            "2000.other", driver: "uart",
            properties: ["compatible": PropertyValue.string("v,uart").bytes, "clocks": PropertyValue.cell(9).bytes])
        let device = try HostDevice(host: "2000.other", sysfs: host.sysfs)
        // The fixed clock can't be switched.
        #expect(HostState(sysfs: host.sysfs, debugFS: kernel).record(of: device).isEmpty)
        _ = try binding.bind(device)
        #expect(try HostRecord(of: "2000.other", system: kernel) == nil)
    }

    @Test func `debugfs is read where it isn't mounted, and a gap is noted where it can't be`() throws {
        let files = kernel.withState { state in
            let clocks = state.files.removeValue(forKey: Self.summary)
            let domains = state.files.removeValue(forKey: Self.domains)
            return ["clk/clk_summary": clocks ?? [], "pm_genpd/pm_genpd_summary": domains ?? []]
        }
        kernel.withState { $0.sysfs.unmountedDebugFS = files }
        let state = HostState(sysfs: host.sysfs, debugFS: kernel)
        #expect(state.record(of: try device()).clocks.count == 2)
        #expect(state.record(of: try device()).domains.count == 2)

        kernel.withState { $0.sysfs.unmountedDebugFS = nil }
        let record = HostState(sysfs: host.sysfs, debugFS: kernel).record(of: try device())
        #expect(record.clocks.isEmpty && record.supplies.count == 1)
        #expect(record.gaps.map(\.what) == ["clocks", "power domains"])
        #expect(record.gaps.allSatisfy { $0.errno == .notPermitted && $0.text.contains("locked down") })
        #expect(HostRecord(text: record.text) == record)
        _ = try binding.bind(try device())
        #expect(try noted()?.gaps.count == 2)
    }

    @Test func `a kernel that doesn't name consumers leaves a gap`() throws {
        kernel.addFile(Self.summary, ClockSummaryTests.old)
        let record = HostState(sysfs: host.sysfs, debugFS: nil).record(of: try device())
        #expect(record.gaps.map(\.errno) == [.notSupported])
        #expect(record.gaps.first?.text.contains("Linux 6.6") == true)
    }

    // MARK: What is off

    @Test func `what goes off with the driver is named`() throws {
        _ = try binding.bind(try device())
        #expect(try losses() == [])
        setPower(on: false)
        #expect(
            try losses() == [
                "clock core (core_gate)", "clock bus (bus_gate)", "supply phy (vcc_phy)", "power domain pd_a",
                "power domain pd_b",
            ])
    }

    @Test func `what was off before is no loss, unless the device was asleep`() throws {
        setPower(on: false)
        _ = try binding.bind(try device())
        #expect(try losses() == [])
        _ = try binding.release(try device())
        kernel.addFile("/sys/devices/platform/1000.net/power/runtime_status", "suspended\n")
        _ = try binding.bind(try device())
        #expect(try noted()?.wasSuspended == true)
        #expect(try losses() == ["clock core (core_gate)", "clock bus (bus_gate)", "supply phy (vcc_phy)"])
    }

    /// The kernel switches it on when VFIO opens the device.
    @Test func `a single power domain that is off is no loss`() throws {
        kernel.addFile(Self.domains, "pd_a  on  0\n    1000.net  active  0  SW\n")
        _ = try binding.bind(try device())
        #expect(try noted()?.domains.count == 1)
        kernel.addFile(Self.domains, "pd_a  off-0  0\n    1000.net  suspended  0  SW\n")
        #expect(try losses() == [])
    }

    @Test func `where nothing can be read nothing is off`() throws {
        _ = try binding.bind(try device())
        let record = try #require(try noted())
        kernel.withState { $0.files = [:] }
        let state = HostState(sysfs: host.sysfs, debugFS: nil)
        #expect(state.losses(since: record).isEmpty)
        #expect(state.problem(with: record) == .noSuchFileOrDirectory)
    }

    // MARK: Addresses and parents

    @Test(arguments: [
        ("02:00:5e:00:53:01\n", "0", [0x02, 0x00, 0x5E, 0x00, 0x53, 0x01] as [UInt8]?),
        ("02:00:5e:00:53:01\n", "1", nil),
        ("03:00:5e:00:53:01\n", "0", nil), ("00:00:00:00:00:00\n", "0", nil), ("02:00:5e:00:53\n", "0", nil),
        ("nonsense", "0", nil),
    ]) func `an interface's own address is noted`(text: String, kind: String, address: [UInt8]?) throws {
        kernel.addFile("/sys/devices/platform/1000.net/net/eth0/address", text)
        kernel.addFile("/sys/devices/platform/1000.net/net/eth0/addr_assign_type", "\(kind)\n")
        let record = HostState(sysfs: host.sysfs, debugFS: nil).record(of: try device())
        #expect(record.ethernetAddress == address)
        #expect(HostRecord(text: record.text) == record)
        // A switch has a port for each.
        kernel.addFile("/sys/devices/platform/1000.net/net/eth1/address", "02:00:5e:00:53:02\n")
        #expect(HostState(sysfs: host.sysfs, debugFS: nil).record(of: try device()).ethernetAddress == nil)
    }

    @Test(arguments: [("dwc3-imx8mp", true), ("simple-pm-bus", false)])
    func `the driver that has made a device is told`(driver: String, isMaker: Bool) throws {
        kernel.withState { state in
            state.links["/sys/bus/platform/devices/5000.usb"] = "../../../devices/platform/4000.glue/5000.usb"
            state.links["/sys/devices/platform/4000.glue/5000.usb/subsystem"] = "../../../../bus/platform"
            state.links["/sys/devices/platform/4000.glue/5000.usb/of_node"] =
                "../../../../firmware/devicetree/base/soc/glue@4000/usb@5000"
            state.links["/sys/devices/platform/4000.glue/of_node"] = "../../../firmware/devicetree/base/soc/glue@4000"
            state.links["/sys/devices/platform/4000.glue/driver"] = "../../../bus/platform/drivers/\(driver)"
        }
        let device = try HostDevice(host: "5000.usb", sysfs: host.sysfs)
        let parent = try ParentDriver(of: device, sysfs: host.sysfs)
        #expect(parent?.device == (isMaker ? "4000.glue" : nil))
        #expect(parent?.driver == (isMaker ? driver : nil))
        #expect(try ParentDriver(of: self.device(), sysfs: host.sysfs) == nil)
    }

    // MARK: Which is which

    @Test func `clocks that were got by number are told apart by nothing but their rates`() {
        var record = HostRecord()
        record.clocks = [
            .init(name: "a", connection: .unknown, rate: 5, power: .on),
            .init(name: "b", connection: .unknown, rate: 5, power: .on),
        ]
        #expect(record.clock(named: nil, at: 1, of: 2)?.rate == 5)
        #expect(record.clock(named: nil, at: 0, of: 3) == nil)
        record.clocks[1].rate = 6
        #expect(record.clock(named: nil, at: 0, of: 2) == nil)
        record.clocks = [.init(name: "a", connection: .first, rate: 7, power: .on)]
        #expect(record.clock(named: "x", at: 0, of: 2)?.rate == 7)
        #expect(record.clock(named: "y", at: 1, of: 2) == nil)
    }

    @Test(arguments: [
        "clock\ta\t=b\t-1\ton", "clock\ta\t=b\t1\tyes", "clock\ta", "supply\tx\ty\t../z\t1\ton",
        "address\t1\t2\t3\t4\t5\t256",
        "gap\tclocks\t0", "nonsense", "clock\ta\t=b\t99999999999999999999\ton",
    ]) func `what bind hasn't written is no record`(text: String) {
        #expect(HostRecord(text: text) == nil)
        kernel.addFile(Self.path, text)
        #expect(throws: Errno.illegalByteSequence) { try noted() }
    }
}

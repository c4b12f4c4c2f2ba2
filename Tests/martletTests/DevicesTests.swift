// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import HostDevices
import KernelFakes
import LinuxSystem
import Machine
import Passthrough
import Testing
import VFIO

@testable import martlet

/// What `martlet devices` prints.
@Suite struct DevicesTests {
    private let host: HostFixture

    init() throws { host = try HostFixture() }

    private func makeSurvey() throws -> HostSurvey {
        try HostSurvey(sysfs: host.sysfs, proc: host.proc, pageSize: 4096)
    }

    private func makeTable(_ survey: HostSurvey, showsAll: Bool = false) throws -> String {
        let judge = DeviceJudge(survey, sysfs: host.sysfs)
        return DeviceTable(try survey.devices(), showsAll: showsAll) { judge.verdict(on: $0) }.text
    }

    private func text(
        _ device: DeviceSurvey, steps: [BindingStep]?, hold: DeviceHold = .unavailable
    ) throws -> String {
        let judge = DeviceJudge(try makeSurvey(), sysfs: host.sysfs)
        return DeviceText(device, judge.verdict(on: device, hold: hold), steps: steps, hold: hold).text
    }

    private func nodeText(_ device: DeviceSurvey) throws -> NodeText {
        NodeText(DeviceJudge(try makeSurvey(), sysfs: host.sysfs).preview(of: device, isFull: true))
    }

    private func judged(_ device: DeviceSurvey) throws -> DeviceVerdict {
        DeviceJudge(try makeSurvey(), sysfs: host.sysfs).verdict(on: device)
    }

    private func addSome() throws {
        try host.addDevice(
            "9010000.pl031", bus: "amba", node: "pl031@9010000", driver: "rtc-pl031", group: 2,
            [
                "compatible": .strings(["arm,pl031", "arm,primecell"]), "reg": .cells64([0x901_0000, 0x1000]),
                "interrupts": .cells([0, 2, 4]),
            ])
        try host.addDevice(
            "a000000.virtio_mmio", node: "virtio_mmio@a000000", driver: "vfio-platform", group: 5,
            [
                "compatible": .string("virtio,mmio"), "reg": .cells64([0xA00_0000, 0x200]),
                "interrupts": .cells([0, 16, 1]),
            ])
        try host.addDevice(
            "b000000.ethernet", node: "ethernet@b000000", driver: "stmmac", group: 5,
            [
                "compatible": .string("x,net"), "reg": .cells64([0xB00_0000, 0x1_0000, 0xB01_0100, 0x20_0000]),
                "reg-names": .strings(["mac", "stats"]), "interrupts": .cells([0, 20, 4, 0, 21, 4, 0, 22, 1]),
                "interrupt-names": .strings(["mac"]),
            ])
        try host.addDevice("timer", node: "timer", driver: nil, group: nil, ["interrupts": .cells([1, 13, 4])])
    }

    @Test func `the table has a line for each device`() throws {
        try addSome()
        #expect(
            try makeTable(makeSurvey(), showsAll: true) == """
                DEVICE               COMPATIBLE   DRIVER         GROUP                       REGIONS                           \
                INTERRUPTS       RESET   VERDICT
                a000000.virtio_mmio  virtio,mmio  vfio-platform  5 with b000000.ethernet     512 trapped (size)                \
                edge             ?       needs: its group without b000000.ethernet (stmmac)
                b000000.ethernet     x,net        stmmac         5 with a000000.virtio_mmio  64K mapped, 2M trapped (address)  \
                2 level, 1 edge  ?       works after bind
                timer                -            -              -                           -                                 \
                per CPU          ?       can't: it has no IOMMU, and the kernel has no no-IOMMU mode; \
                VFIO can't pass per-CPU interrupts through
                9010000.pl031        arm,pl031    rtc-pl031      2                           4K mapped                         \
                level            recipe  works after bind
                """)
    }

    @Test func `what nobody passes through is counted`() throws {
        try addSome()
        for index in 0..<3 {
            try host.addDevice(
                "a10\(index)000.virtio_mmio", node: "virtio_mmio@a10\(index)000", driver: nil, group: nil,
                ["compatible": .string("virtio,mmio"), "reg": .cells64([0xA10_0000 + UInt64(index) * 0x1000, 0x200])])
        }
        // Something is behind this one.
        try host.write("sys/devices/platform/a102000.virtio_mmio/virtio0/uevent", [])
        let lines = try makeTable(makeSurvey()).split(separator: "\n")
        #expect(
            lines.last
                == "not shown: 2 virtio transports without a device, 1 part of the host or of each CPU (--all)")
        #expect(
            lines.dropFirst().dropLast().map { $0.prefix { $0 != " " } } == [
                "a000000.virtio_mmio", "a102000.virtio_mmio", "b000000.ethernet", "9010000.pl031",
            ])
        #expect(try makeTable(makeSurvey(), showsAll: true).split(separator: "\n").count == 8)
    }

    @Test func `a verdict says what a device needs and what mends it`() throws {
        try host.addNode("/cru", ["compatible": .string("v,cru"), "#clock-cells": .cell(1), "phandle": .cell(2)])
        try host.addDevice(
            "d000000.phy", node: "phy@d000000", driver: "v-phy", group: 9,
            [
                "compatible": .string("v,phy"), "reg": .cells64([0xD00_0000, 0x1000]), "#phy-cells": .cell(0),
                "phandle": .cell(3),
            ])
        try host.addDevice(
            "e000000.usb", node: "usb@e000000", driver: "v-usb", group: 10,
            [
                "compatible": .string("v,usb"), "reg": .cells64([0xE00_0000, 0x1000]), "clocks": .cells([2, 1, 2, 2]),
                "clock-names": .strings(["core", "bus"]), "phys": .cell(3), "phy-names": .string("usb2"),
            ])
        let survey = try makeSurvey()
        let device = try survey.survey(try HostDevice(host: "e000000.usb", sysfs: host.sysfs))
        let judge = DeviceJudge(survey, sysfs: host.sysfs)
        let verdict = judge.verdict(on: device)
        #expect(verdict.text == "needs: clocks core, bus (device_tree.clocks); pass also phy@d000000")
        #expect(verdict.passAlso == ["d000000.phy"])
        let shown = try text(device, steps: [])
        #expect(shown.hasPrefix("e000000.usb: needs: clocks core, bus (device_tree.clocks); pass also phy@d000000\n"))
        for part in [
            "\n    \"device_tree\": {\"clocks\": {\"core\": 0, \"bus\": 0}}, or {\"*\": 24000000} where",
            "\n    run: martlet devices d000000.phy\n",
        ] { #expect(shown.contains(part), "\(shown)") }
        let json = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(DeviceRecord(device, verdict)))
        let guest = try #require((json as? [String: Any])?["guest"] as? [String: Any])
        #expect(guest["verdict"] as? String == "needs")
        #expect(guest["clocks"] as? [String] == ["core", "bus"])
        #expect(guest["pass_also"] as? [String] == ["d000000.phy"])

        // As root, while its driver has it, the kernel knows the rates.
        try host.write(
            "sys/kernel/debug/clk/clk_summary",
            Array(
                """
                    clock  count count count rate accuracy phase cycle enable consumer id
                 clk_core  1 1 0 125000000 0 0 50000 Y   e000000.usb  core
                 clk_bus   1 1 0 50000000 0 0 50000 Y   e000000.usb  bus

                """.utf8))
        let later = try makeSurvey()
        let known = try later.survey(try HostDevice(host: "e000000.usb", sysfs: host.sysfs))
        #expect(DeviceJudge(later, sysfs: host.sysfs).verdict(on: known).text == "needs: pass also phy@d000000")
        #expect(try text(known, steps: []).contains("\n  has clock core: clk_core, 125000000 Hz, on\n"))
        let encoded = try JSONEncoder().encode(DeviceRecord(known, judged(known)))
        let record = try JSONSerialization.jsonObject(with: encoded) as? [String: Any]
        let clocks = try #require((record?["host"] as? [String: Any])?["clocks"] as? [[String: Any]])
        #expect(clocks.map { $0["name"] as? String } == ["core", "bus"])
        #expect(clocks.map { $0["rate"] as? Int } == [125_000_000, 50_000_000])
    }

    @Test func `a host without devices says so`() throws {
        #expect(try makeTable(makeSurvey()).hasPrefix("this host has no platform or AMBA device"))
    }

    @Test func `one device is shown in full`() throws {
        try addSome()
        let survey = try makeSurvey().survey(try HostDevice(host: "b000000.ethernet", sysfs: host.sysfs))
        let steps = try DeviceBinding(
            sysfs: host.sysfs, calls: LinuxKernel(), notes: StateFolder(base: "/nowhere", names: ["martlet"])
        )
        .bindingSteps(for: survey.device)
        let root = host.sysfs.root
        #expect(
            try text(survey, steps: steps) == """
                b000000.ethernet: works after bind
                  folder: \(root)/devices/platform/b000000.ethernet
                  node: \(root)/firmware/devicetree/base/soc/ethernet@b000000
                  compatible: x,net
                  driver: stmmac
                  group: 5, isolation: iommu, shared with a000000.virtio_mmio (vfio-platform)
                  region 0 mac: host 0xb000000 size 65536, can be mapped
                  region 1 stats: host 0xb010100 size 2097152, trapped: its address is not a multiple of 4096, the page size
                  interrupt 0 mac: level
                  interrupt 1: level
                  interrupt 2: edge
                  reset: by VFIO if the host's kernel can, unknown until it is open; Martlet has no recipe for it
                  to make it ready:
                    run: martlet bind b000000.ethernet
                  which does:
                    (umask 022 && mkdir -p /nowhere/martlet && \
                echo driver=stmmac > /nowhere/martlet/platform-b000000.ethernet)
                    echo vfio-platform > \(root)/devices/platform/b000000.ethernet/driver_override
                    echo b000000.ethernet > \(root)/bus/platform/drivers/stmmac/unbind
                    echo b000000.ethernet > \(root)/bus/platform/drivers/vfio-platform/bind
                """)
    }

    @Test func `what is in the way comes first`() throws {
        try host.addDevice(
            "c000000.dma", node: "dma@c000000", driver: nil, group: nil, ["reg": .cells64([0xC00_0000, 0x10])])
        try host.write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", Array("N\n".utf8))
        let survey = try makeSurvey().survey(try HostDevice(host: "c000000.dma", sysfs: host.sysfs))
        let text = try self.text(survey, steps: [])
        #expect(!text.contains("held:"))
        let what = "supplies=1 power-domains=0 clocks=2 resets=1/1"
        #expect(try self.text(survey, steps: [], hold: .held(what)).contains("\n  held: \(what)\n"))
        #expect(try self.text(survey, steps: [], hold: .free).contains("\n  held: no; "))
        #expect(text.hasPrefix("c000000.dma: needs: no-IOMMU mode\n"))
        #expect(
            text.hasSuffix(
                """
                  group: none; the device has no IOMMU
                  region 0: host 0xc000000 size 16, trapped: its size is not a multiple of 4096, the page size
                  reset: by VFIO if the host's kernel can, unknown until it is open; Martlet has no recipe for it
                  dma: no IOMMU confines it; set dma to "none" if it does no DMA, or to "identity"
                  problems:
                    no IOMMU confines its DMA; only if you trust guest and device:
                    run: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
                  then:
                    run: martlet bind c000000.dma
                  which does:
                """))
    }

    @Test func `the guests node is shown with its reasons`() throws {
        try host.addNode(
            "/clk",
            [
                "compatible": .string("fixed-clock"), "#clock-cells": .cell(0), "clock-frequency": .cell(24_000_000),
                "phandle": .cell(9),
            ])
        try host.addDevice(
            "9010000.pl031", bus: "amba", node: "pl031@9010000", driver: nil, group: 2,
            [
                "compatible": .strings(["arm,pl031", "arm,primecell"]), "reg": .cells64([0x901_0000, 0x1000]),
                "interrupts": .cells([0, 2, 4]), "clocks": .cells([9]), "clock-names": .string("apb_pclk"),
                "iommus": .cells([1, 2]),
            ])
        let survey = try makeSurvey().survey(try HostDevice(host: "9010000.pl031", sysfs: host.sysfs))
        let node = try nodeText(survey)
        let text = node.lines.joined(separator: "\n")
        #expect(text.hasPrefix("  the guest's node, in a guest without other devices:\n    pl031@c000000 {\n"))
        for part in [
            "compatible = \"arm,pl031\", \"arm,primecell\";", "reg = <0x0 0xc000000 0x0 0x1000>;",
            "interrupts = <0x0 0x2 0x4>;", "\n    clock-24000000 {\n", "\n  its properties:\n",
            "\n    compatible   copied: plain data\n", "\n    iommus       dropped: ",
            "\n  it depends on:\n    clocks apb_pclk: /clk: ",
        ] {
            #expect(text.contains(part), "\"\(part)\" is not in: \(text)")
        }
        let json = try JSONSerialization.jsonObject(
            with: try JSONEncoder().encode(DeviceRecord(survey, judged(survey), node.preview)))
        let guest = try #require((json as? [String: Any])?["guest_node"] as? [String: Any])
        #expect((guest["source"] as? String)?.hasPrefix("pl031@c000000 {\n") == true)
        let properties = try #require(guest["properties"] as? [[String: String]])
        #expect(properties.contains { $0["name"] == "iommus" && $0["fate"] == "dropped" && $0["reason"] != "" })
        #expect((guest["dependencies"] as? [[String: Any]])?.map { $0["provider"] as? String } == ["/clk"])
    }

    /// Without a device tree the node is the configuration's business, and that is said.
    @Test func `a device without a node says what to do`() throws {
        try host.addDevice("ARMH0011:00", bus: "amba", node: "none", driver: nil, group: 2, [:])
        let survey = try makeSurvey().survey(try HostDevice(host: "ARMH0011:00", sysfs: host.sysfs))
        let node = try nodeText(survey)
        #expect(node.lines.first == "  the guest's node:")
        #expect(node.lines.dropFirst().first?.hasPrefix("    ARMH0011:00: ") == true)
        let record = DeviceRecord(survey, try judged(survey), node.preview)
        #expect(record.guestNode?.error?.hasPrefix("ARMH0011:00: ") == true)
    }

    @Test func `programs get the same as JSON`() throws {
        try addSome()
        let records = try makeSurvey().devices().map { DeviceRecord($0, try judged($0)) }
        let json = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(records))
        let devices = try #require(json as? [[String: Any]])
        #expect(
            devices.map { $0["name"] as? String } == [
                "a000000.virtio_mmio", "b000000.ethernet", "timer", "9010000.pl031",
            ])
        let net = devices[1]
        #expect(net["bus"] as? String == "platform")
        #expect(net["driver"] as? String == "stmmac")
        #expect(net["compatible"] as? [String] == ["x,net"])
        #expect(net["reset"] as? String == "known once open" && net["reset_recipe"] == nil)
        #expect(devices[3]["reset_recipe"] as? String == "arm,pl031")
        let group = try #require(net["group"] as? [String: Any])
        #expect(group["id"] as? Int == 5)
        #expect(group["isolation"] as? String == "iommu")
        #expect(
            (group["others"] as? [[String: String]]) == [["name": "a000000.virtio_mmio", "driver": "vfio-platform"]])
        let regions = try #require(net["regions"] as? [[String: Any]])
        #expect(regions.map { $0["access"] as? String } == ["mappable", "trapped"])
        #expect(regions.map { $0["reason"] as? String } == [nil, "address"])
        #expect(regions.map { $0["host_address"] as? String } == ["0xb000000", "0xb010100"])
        let interrupts = try #require(net["interrupts"] as? [[String: Any]])
        #expect(interrupts.map { $0["trigger"] as? String } == ["level", "level", "edge"])
        let verdicts = devices.map { $0["verdict"] as? [String: Any] }
        #expect(verdicts.map { $0?["state"] as? String } == ["needs", "needs bind", "impossible", "needs bind"])
        #expect((verdicts[2]?["reasons"] as? [String])?.count == 2)
        #expect(devices[2]["driver"] == nil && devices[2]["group"] == nil)
    }

    /// How long this thread has had a processor.
    private var threadTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// The survey and the table of a big host, from real files. Built without optimisation, as tests are.
    @Test func `two hundred devices take no time`() throws {
        for index in 0..<200 {
            let address = 0x1000_0000 + UInt64(index) * 0x1_0000
            let hex = String(address, radix: 16)
            let isAMBA = index % 4 == 0
            try host.addDevice(
                "\(hex).dev", bus: isAMBA ? "amba" : "platform", node: "dev@\(hex)",
                driver: index % 3 == 0 ? nil : "driver\(index % 20)", group: index % 2 == 0 ? index / 4 : nil,
                [
                    "compatible": .strings(["vendor,device-\(index)", "vendor,device"]),
                    "reg": .cells64([address, 0x1000, address + 0x1000, 0x200]), "reg-names": .strings(["a", "b"]),
                    "interrupts": .cells([0, UInt32(index), 4, 0, UInt32(index + 200), 1]),
                    "clocks": .cells([2, 1, 2, 3]), "clock-names": .strings(["a", "b"]), "status": .string("okay"),
                ])
        }
        try host.writeBlob()
        var best = Duration.seconds(1000)
        // Other tests have the processors as well: what this thread has of them counts.
        for _ in 0..<20 where best >= .milliseconds(150) {
            var lines = 0
            let start = threadTime
            let table = DeviceTable(try makeSurvey().devices()) { device in
                DeviceVerdict(device, node: .success(nil), hold: .unavailable) { _ in nil }
            }
            lines = table.text.split(separator: "\n").count
            best = min(best, threadTime - start)
            #expect(lines == 201)
        }
        print("devices: 200 devices in \(best)")
        // What the host has of each is a third of it.
        #expect(best < .milliseconds(150))
        // Each one's node in a guest, too.
        var bestWithVerdicts = Duration.seconds(1000)
        for _ in 0..<5 where bestWithVerdicts >= .seconds(1) {
            let start = threadTime
            let text = try makeTable(makeSurvey())
            bestWithVerdicts = min(bestWithVerdicts, threadTime - start)
            #expect(text.contains("needs: clocks a, b (device_tree.clocks)"))
        }
        print("devices: 200 devices with verdicts in \(bestWithVerdicts)")
        #expect(bestWithVerdicts < .seconds(1))
    }
}

/// The built program, on this machine.
@Suite(.enabled(if: builtProgram != nil, "the martlet executable is not beside the test bundle"))
struct DeviceCommandTests {
    private func run(_ arguments: String...) throws -> HostTool.Result { try #require(builtProgram).run(arguments) }

    @Test func `devices lists this machine`() throws {
        let result = try run("devices")
        #expect(result.status == 0, "\(result.messages)")
        #expect(result.text.hasPrefix("DEVICE") || result.text.hasPrefix("this host has no"))
    }

    @Test func `devices as JSON is JSON`() throws {
        let result = try run("devices", "--json")
        #expect(result.status == 0, "\(result.messages)")
        let json = try JSONSerialization.jsonObject(with: Data(result.output))
        #expect((json as? [String: Any])?["devices"] is [Any])
    }

    @Test(arguments: [["devices"], ["bind"], ["release"], ["bind", "--dry-run"]])
    func `every unknown device is named`(command: [String]) throws {
        let result = try #require(builtProgram).run(command + ["none.such", "nor.that", "/dev/null"])
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        for name in ["none.such", "nor.that"] {
            #expect(result.messages.contains("martlet: \(name): no such device on the platform or AMBA bus"))
        }
        #expect(result.messages.contains("martlet: /dev/null: not a path in /sys"))
    }

    @Test(arguments: ["bind", "release"])
    func `a device must be named`(command: String) throws {
        #expect(try run(command).status == 2)
        #expect(try run(command, "--force", "x").status == 2)
    }
}

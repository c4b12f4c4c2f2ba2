// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import KVM
import KernelFakes
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

@Suite struct DeviceReportTests {
    private let host: Host
    private let vm: VirtualMachine

    init() throws {
        host = try Host()
        vm = try host.makeVM()
        host.kernel.addFile("/proc/interrupts", "      CPU0  CPU1\n 11:  9  9  GICv3 27 Level  arch_timer\n")
    }

    private func connect(_ settings: PlacedDevice.Settings...) throws -> ConnectedDevices {
        let devices = try PlacedDevices(
            settings, calls: host.kernel, bus: host.bus, sysfs: host.sysfs, log: host.log.log)
        return try ConnectedDevices(devices, vm: vm, memory: [], loop: host.loop, log: host.log.log)
    }

    /// Replaces the counts of a line of /proc/interrupts.
    private func setCounts(_ number: Int, _ counts: String) {
        host.kernel.withState { state in
            let text = String(decoding: state.files["/proc/interrupts"] ?? [], as: UTF8.self)
            let lines = text.split(separator: "\n").map { line in
                line.contains("vfio-irq[\(number)]")
                    ? " \(number):  \(counts)  GICv3 34 Level vfio-irq[\(number)](x)" : "\(line)"
            }
            state.files["/proc/interrupts"] = Array(lines.joined(separator: "\n").utf8)
        }
    }

    @Test func `the count is the hosts own since the device was opened`() throws {
        host.add(
            "9010000.pl031", bus: .amba, interrupts: [.level],
            lines: [" 21:  3  1  GICv3 34 Level  vfio-irq[21](vfio-amba-00141031)"])
        let connected = try connect(.init(.host("9010000.pl031")))
        setCounts(21, "10 14")
        let interrupt = try #require(connected.reports().first?.interrupts.first)
        #expect(interrupt.count == 20)
        #expect(interrupt.countSource == "/proc/interrupts")
    }

    @Test func `several devices and interrupts are told apart`() throws {
        host.add(
            "first", group: 1, interrupts: [.level, .edge],
            lines: [
                " 31:  0  0  GICv3 40 Edge  vfio-irq[31](first)", " 21:  0  0  GICv3 34 Level  vfio-irq[21](first)",
            ])
        host.add("second", group: 2, interrupts: [.edge], lines: [" 25:  0  0  GICv3 41 Edge vfio-irq[25](second)"])
        let connected = try connect(.init(.host("first")), .init(.host("second")))
        setCounts(21, "1 0")
        setCounts(31, "1 1")
        setCounts(25, "3 0")
        #expect(connected.reports().map { $0.interrupts.map(\.count) } == [[1, 2], [3]])
    }

    @Test(arguments: [[], [" 21:  0  0  GICv3 34 Level  vfio-irq[21](device)"]])
    func `without a line for each interrupt the count is not known`(lines: [String]) throws {
        host.add("device", interrupts: [.level, .level], lines: lines)
        let connected = try connect(.init(.host("device")))
        #expect(connected.reports().first?.interrupts.map(\.count) == [nil, nil])
    }

    @Test func `a line that is gone is not known`() throws {
        host.add("device", lines: [" 21:  0  0  GICv3 34 Level  vfio-irq[21](device)"])
        let connected = try connect(.init(.host("device")))
        host.kernel.addFile("/proc/interrupts", "")
        #expect(connected.reports().first?.interrupts.map(\.count) == [nil])
    }

    // MARK: Text and JSON

    private func report() throws -> DeviceReport {
        host.add(
            "device", group: 3, regions: [.init(), .init(size: 0x200, access: [.read, .write])],
            interrupts: [.level, .edge],
            lines: [
                " 21:  0  0  GICv3 34 Level  vfio-irq[21](device)", " 22:  0  0  GICv3 35 Edge  vfio-irq[22](device)",
            ], properties: ["reg": .cells64([0x901_0000, 0x1000])])
        let connected = try connect(.init(.host("device")))
        setCounts(21, "5 6")
        let dispatcher = host.bus.makeDispatcher()
        _ = dispatcher.read(GuestAddress(0x0C00_1000), .word)
        dispatcher.note(.emulated, at: GuestAddress(0x0C00_1000))
        dispatcher.note(.emulated, at: GuestAddress(0x0C00_0FFF))
        dispatcher.note(.aborted, at: GuestAddress(0x0C00_11FF))
        dispatcher.note(.aborted, at: GuestAddress(0x0C00_1200))
        return try #require(connected.reports().first)
    }

    @Test func `the text has a line for each fact`() throws {
        #expect(
            try report().lines == [
                "device device: group 3, isolation: iommu",
                "  dma: iommu (group 3, alone in it, container), reaches guest RAM only; interrupt isolation unknown",
                "  reset: by VFIO",
                "  region 0: mapped, host 0x9010000 guest 0xc000000 size 4096, exits 0 reads 0 writes",
                "  region 1: trapped, guest 0xc001000 size 512, exits 1 reads 0 writes",
                "  accesses without a syndrome: 2 emulated, 1 answered with a data abort",
                "  interrupt 0: level, SPI 0, path irqfd, count 11 (/proc/interrupts)",
                "  interrupt 1: edge, SPI 1, path irqfd, count 0 (/proc/interrupts)",
            ])
    }

    /// Such a read gives all ones and such a write is lost, which nothing else tells the user.
    @Test func `accesses that the host refused are in the report`() throws {
        host.add("device", regions: [.init(size: 0x200, access: [.read, .write])], interrupts: [])
        let connected = try connect(.init(.host("device")))
        let dispatcher = host.bus.makeDispatcher()
        _ = dispatcher.read(GuestAddress(0x0C00_0000), .word)
        for _ in 0..<2 {
            host.kernel.withState { $0.failingCall = $0.callCount + 1 }
            #expect(dispatcher.read(GuestAddress(0x0C00_0000), .word) == 0xFFFF_FFFF)
        }
        host.kernel.withState { $0.failingCall = $0.callCount + 1 }
        dispatcher.write(GuestAddress(0x0C00_0004), .word, 1)

        let report = try #require(connected.reports().first)

        #expect(report.regions.map(\.failures) == [3])
        #expect(
            report.lines.contains(
                "  region 0: trapped, guest 0xc000000 size 512, exits 3 reads 1 writes, 3 of them refused by the host"))
        let json = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(report)) as? [String: Any]
        #expect((json?["regions"] as? [[String: Any]])?.first?["failures"] as? Int == 3)
    }

    @Test func `a count that is not known is said to be so`() throws {
        host.add(
            "device", isNoIOMMU: true, regions: [], interrupts: [.edge], flags: .platform,
            properties: ["compatible": .string("gpio-keys")])
        #expect(
            try connect(.init(.host("device"))).reports().first?.lines == [
                "device device: group 7, isolation: none",
                "  dma: untranslated; no IOMMU: NOT confined, reaches all host memory",
                "  reset: none: the host's kernel can't reset it, and Martlet has no recipe for gpio-keys",
                "    the guest gets it in its last state, and its DMA may go on after the guest",
                "  interrupt 0: edge, SPI 0, path irqfd, count unknown (/proc/interrupts)",
            ])
    }

    @Test func `the JSON has the names that scripts read by`() throws {
        let json = try JSONEncoder().encode(try report())
        let object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "host", "group", "isolation", "dma", "reset", "regions", "interrupts", "unmaps", "maps",
                "refused_unmaps",
                "nisv_emulated", "nisv_aborted",
            ])
        #expect(object["nisv_emulated"] as? Int == 2 && object["nisv_aborted"] as? Int == 1)
        let reset = try #require(object["reset"] as? [String: Any])
        #expect(Set(reset.keys) == ["by", "text", "lines", "assertions"])
        #expect(reset["by"] as? String == "vfio" && reset["text"] as? String == "by VFIO")
        let dma = try #require(object["dma"] as? [String: Any])
        #expect(dma["mode"] as? String == "iommu")
        #expect(dma["through"] as? String == "container")
        #expect(dma["reaches"] as? String == "guest RAM")
        #expect(dma["group_others"] as? [String] == [])
        #expect(dma["interrupts_isolated"] == nil)
        #expect(dma["stream_ids"] as? [Int] == [])
        let regions = try #require(object["regions"] as? [[String: Any]])
        #expect(
            Set(regions[0].keys)
                == ["index", "access", "host_address", "guest_address", "size", "reads", "writes", "failures"])
        #expect(regions[0]["host_address"] as? String == "0x9010000")
        #expect(regions[0]["guest_address"] as? String == "0xc000000")
        #expect(regions[1]["host_address"] == nil)
        #expect(regions[1]["reads"] as? Int == 1 && regions[1]["failures"] as? Int == 0)
        let interrupts = try #require(object["interrupts"] as? [[String: Any]])
        #expect(Set(interrupts[0].keys) == ["index", "trigger", "spi", "path", "reasons", "count", "count_source"])
        #expect(interrupts[0]["trigger"] as? String == "level")
        #expect(interrupts[0]["count"] as? Int == 11)
    }
}

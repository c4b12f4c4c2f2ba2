// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

extension Integration {
    /// A host whose pages are of 16 or 64 KiB: a region that isn't whole pages of the host is trapped.
    @Suite(.enabled(if: Host.pageSize > 4096, "this host's pages are of 4 KiB"))
    struct PageSizeTests {
        private static let dma = [HostDevices.sata, HostDevices.usb, HostDevices.edu]

        init() throws {
            for device in Self.dma + [HostDevices.rtc] { try HostDevices.bind(device) }
        }

        /// VFIO lets whole pages be mapped and no others (Linux, drivers/vfio/platform/vfio_platform_common.c).
        private func expectAccess(_ device: RunReport.Device) throws {
            #expect(!device.regions.isEmpty)
            for region in device.regions {
                let address = try #require(region.hostAddress.flatMap(number))
                let isWhole = address % Host.pageSize == 0 && region.size % Host.pageSize == 0
                #expect(region.access == (isWhole ? "mapped" : "trapped"), "\(device.host) \(region)")
                #expect(region.failures == 0)
                if isWhole { #expect(try #require(number(region.guestAddress)) % Host.pageSize == 0) }
            }
        }

        private func number(_ text: String) -> Int? { Int(text.dropFirst(2), radix: 16) }

        @Test(arguments: [4, 16, 64]) func `a guest boots, whatever its own pages are`(kibibytes: Int) throws {
            let name = kibibytes == 4 ? "Image" : "Image-\(kibibytes)"
            let result = try Guest.run(.linux("cpus", vcpus: 2, mebibytes: 256, kernel: name))

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus 2")
            #expect(result.line("page size") == "page size \(kibibytes * 1024)")
        }

        @Test func `the clock's page is too small to be mapped, and its alarms arrive`() throws {
            let result = try Guest.run(.linux("rtc", "martlet.alarms=2", devices: [.init(HostDevices.rtc)]))

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])
            let device = try #require(try result.report.device(HostDevices.rtc))
            let region = try #require(device.regions.first)
            #expect(region.access == "trapped" && region.reads > 0 && region.writes >= 6 && region.failures == 0)
            #expect(device.interrupts.map(\.path) == ["irqfd"] && device.interrupts.map(\.count) == [2])
            try expectUsable(HostDevices.rtc)
        }

        /// Disks at AHCI and xHCI, and a device whose mebibyte of registers is mapped on every host.
        @Test(arguments: [("group", "container"), ("cdev", "iommufd")])
        func `devices do DMA behind the IOMMU`(vfio: String, through: String) throws {
            var configuration = GuestConfiguration.linux(
                "soc",
                "usb-storage.delay_use=0 martlet.disks=2 martlet.read=1 martlet.say=all martlet.alarms=1 mem=96M "
                    + "martlet.buffer=0x87000000",
                devices: (HostDevices.soc + [HostDevices.rtc, HostDevices.gpio]).map { .init($0) })
            for device in HostDevices.soc + [HostDevices.gpio] { try HostDevices.bind(device) }
            configuration.vfio = vfio
            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            for kind in ["sata", "usb"] {
                let bytes = try md5(of: "\(Host.deviceFiles)/\(kind).img", mebibytes: 1, from: 0)
                #expect(result.line("\(kind) md5") == "\(kind) md5 \(bytes)")
            }
            #expect(result.line("edu copied") == "edu copied 0123456789abcdeffedcba9876543210")
            #expect(result.numbers("alarms") == [1, 1, 1])
            let report = try result.report
            for name in Self.dma {
                let device = try #require(report.device(name))
                #expect(device.dma.mode == "iommu" && device.dma.through == through && device.dma.faults?.count == 0)
                #expect(device.interrupts.map(\.path) == ["irqfd"] && (device.interrupts.first?.count ?? 0) > 0)
                try expectAccess(device)
            }
            #expect(report.device(HostDevices.edu)?.regions.map(\.access) == ["mapped"])
        }

        @Test func `a trapped region may be at any multiple of 4096`() throws {
            let result = try Guest.run(
                .linux(
                    "rtc", "martlet.alarms=1", devices: [.init(HostDevices.rtc, guestAddress: "0x30001000")]))

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [1, 1, 1])
            #expect(try result.report.devices.first?.regions.first?.guestAddress == "0x30001000")
        }

        @Test func `a mapped region has to be on a page of the host`() throws {
            let page = String(Host.pageSize, radix: 16)
            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.edu, guestAddress: "0x30001000")]),
                "guest_address 0x30001000 of region 0", "\(Host.pageSize)", "set it to 0x30000000")
            let address = "0x300\(String(repeating: "0", count: 5 - page.count))\(page)"
            let result = try Guest.run(.flat("poweroff", devices: [.init(HostDevices.edu, guestAddress: address)]))
            #expect(result.status == 0, "\(result.errors)")
            let region = try #require(try result.report.device(HostDevices.edu)?.regions.first)
            #expect(region.access == "mapped" && region.guestAddress == address)

            // Trapped as a whole it has no pages.
            let trapped = try Guest.run(
                .flat(
                    "poweroff",
                    devices: [.init(HostDevices.edu, isTrapped: true, guestAddress: "0x30001000")]))
            #expect(trapped.status == 0, "\(trapped.errors)")
            #expect(try trapped.report.device(HostDevices.edu)?.regions.map(\.access) == ["trapped"])
        }

        /// The path takes the pages with the registers from the guest until the interrupt's end, and gives them back.
        @Test func `eventfd unmaps the host's pages`() throws {
            let result = try Guest.run(
                .linux(
                    "edu", "mem=96M martlet.buffer=0x87000000",
                    devices: [
                        .on("eventfd", HostDevices.edu, mapTimeout: 1, endOfInterrupt: ["offset": 0x64, "length": 4])
                    ]))

            try expectPowerOff(result)
            #expect(result.line("edu copied") == "edu copied 0123456789abcdeffedcba9876543210")
            let device = try #require(try result.report.device(HostDevices.edu))
            let counters = try #require(device.interrupts.first?.counters)
            #expect(device.regions.map(\.access) == ["mapped"])
            #expect(counters.raised >= 3 && counters.delivered == counters.raised && counters.ended == counters.raised)
            #expect(device.unmaps >= 3 && device.maps == device.unmaps)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// The host's devices that do DMA, and its serial ports: no word in the configuration on what they are, and the
    /// guest's own drivers.
    @Suite(.onEmulatedHost)
    struct SoCDeviceTests {
        init() throws {
            for device in HostDevices.soc { try HostDevices.bind(device) }
        }

        @Test(arguments: [
            (HostDevices.sata, "ahci", "ATA QEMU HARDDISK", "group"),
            (HostDevices.usb, "xhci-hcd", "QEMU QEMU HARDDISK", "cdev"),
        ])
        func `guest reads and writes disk`(device: String, driver: String, identity: String, vfio: String) throws {
            let kind = device == HostDevices.sata ? "sata" : "usb"
            let image = "\(Host.deviceFiles)/\(kind).img"
            let bytes = try md5(of: image, mebibytes: 8, from: 0)

            var configuration = GuestConfiguration.linux(
                "disk", "usb-storage.delay_use=0 martlet.write=1", devices: [.init(device)])
            configuration.vfio = vfio
            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("\(kind) ")?.hasSuffix(".\(kind) driver \(driver)") == true, "\(result.output)")
            #expect(result.line("\(kind) disk") == "\(kind) disk \(identity) sectors 131072")
            #expect(result.line("\(kind) md5") == "\(kind) md5 \(bytes)")
            if kind == "usb" { #expect(result.line("hub") == "hub xHCI Host Controller ports 4") }
            let interrupts = try #require(result.numbers("\(kind) interrupts").last)
            #expect(interrupts > 0)
            try expectOneMappedRegionAndItsInterrupt(result, device, atLeast: interrupts)
            // What the guest wrote, it reads, and the host's own driver does, once it has the device again.
            let written = try md5("seq 9000000 9131071")
            #expect(result.line("\(kind) written") == "\(kind) written \(written)")
            try HostDevices.giveToHost(device)
            #expect(HostDevices.driver(of: device) == driver)
            #expect(try md5(of: "/dev/\(try HostDevices.disk(of: device))", mebibytes: 1, from: 16) == written)
            try HostDevices.bind(device)
            try expectUsable(device)
        }

        @Test(arguments: [(HostDevices.serial, "serial", 4, "group"), (HostDevices.uart, "pl011", 32, "cdev")])
        func `what the guest sends is sent`(device: String, kind: String, type: Int, vfio: String) throws {
            let word = "word-\(UInt32.random(in: 0...UInt32.max))"

            var configuration = GuestConfiguration.linux("serial", "martlet.say=\(word)", devices: [.init(device)])
            configuration.vfio = vfio
            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            let port = kind == "serial" ? "ttyS1" : "ttyAMA0"
            // include/uapi/linux/serial_core.h: PORT_16550A, PORT_AMBA
            #expect(
                result.line("serial")?.hasSuffix(".\(kind) port \(port) type \(type)") == true, "\(result.output)")
            #expect(Host.text("\(Host.deviceFiles)/\(kind).txt").contains(word))
            // The PL011 takes a short word without an interrupt.
            try expectOneMappedRegionAndItsInterrupt(result, device, atLeast: kind == "serial" ? 1 : 0)
        }

        @Test func `educational device interrupts and copies`() throws {
            let result = try Guest.run(
                .linux("edu", "mem=96M martlet.buffer=0x87000000", devices: [.init(HostDevices.edu)]))

            try expectPowerOff(result)
            #expect(result.line("edu id") == "edu id 0x010000ed")
            #expect(result.line("edu inverse") == "edu inverse 0xedcba987")
            #expect(result.line("edu factorial") == "edu factorial \((1...10).reduce(1, *)) status 0x00000001")
            #expect(result.line("edu copied") == "edu copied 0123456789abcdeffedcba9876543210")
            try expectOneMappedRegionAndItsInterrupt(result, HostDevices.edu, atLeast: 3)
        }

        /// The one refers to the other, by a GPIO of its, and the guest's driver needs what it refers to.
        @Test(arguments: [true, false])
        func `key at the GPIO block`(isKeyFirst: Bool) throws {
            try HostDevices.bind(HostDevices.keys)
            let devices = isKeyFirst ? [HostDevices.keys, HostDevices.gpio] : [HostDevices.gpio, HostDevices.keys]

            let result = try Guest.run(.linux("keys", devices: devices.map { .init($0) }))

            try expectPowerOff(result)
            #expect(result.output.contains("c000000.pl061 lines 8\n"), "\(result.output)")
            #expect(result.line("keys driver") == "keys driver gpio-keys")
            #expect(result.line("keys input") == "keys input gpio-keys code 116")
            // The third GPIO of the guest's own block.
            let phandle = try #require(result.line("keys phandle")?.split(separator: " ").last)
            #expect(result.line("keys gpios") == "keys gpios \(phandle)0000000300000000")
            let report = try result.report
            #expect(report.devices.map(\.host) == devices)
            #expect(report.device(HostDevices.keys)?.regions.isEmpty == true)
        }

        /// Two processes for each disk write and read all over their areas; each block that is read has to be the one
        /// that was written there last, and the host finds what they have left.
        @Test func `mixed reads and writes are all right`() throws {
            let disks = [HostDevices.sata, HostDevices.usb]
            let seed = UInt16.random(in: 1...9999)

            let result = try Guest.run(
                .linux(
                    "mixed",
                    "usb-storage.delay_use=0 martlet.disks=2 martlet.read=1 martlet.sata=100 martlet.usb=80 "
                        + "martlet.seed=\(seed)", devices: disks.map { .init($0) }))

            try expectPowerOff(result)
            for (device, kind) in zip(disks, ["sata", "usb"]) {
                let lines = result.lines("\(kind) blocks: read ").map {
                    $0.split { !$0.isNumber }.compactMap { Int($0) }
                }
                try #require(lines.count == 2, "\(result.output)")
                for numbers in lines {
                    // "read N written N MiB in N requests compared N wrong N …", the first two rounded down.
                    #expect(
                        numbers[0] + numbers[1] >= (kind == "sata" ? 118 : 98) && numbers[1] > 8, "\(result.output)")
                    #expect(numbers[3] > 1000 && numbers[4] == 0, "\(result.output)")
                }
                let report = try #require(try result.report.device(device))
                #expect(report.regions.allSatisfy { $0.access == "mapped" && $0.reads == 0 && $0.writes == 0 })
                #expect(report.dma.faults?.count == 0)
                try HostDevices.giveToHost(device)
                let left = try md5(of: "/dev/\(try HostDevices.disk(of: device))", mebibytes: 40, from: 24)
                #expect(result.line("\(kind) left") == "\(kind) left \(left)")
                try HostDevices.bind(device)
            }
        }

        /// Seven devices, six of them in IOMMU groups of their own, in one VM, and all through one container or one
        /// iommufd.
        @Test(arguments: [("group", "container"), ("cdev", "iommufd")])
        func `all at once`(vfio: String, through: String) throws {
            let devices = HostDevices.soc + [HostDevices.rtc, HostDevices.gpio]
            var configuration = GuestConfiguration.linux(
                "soc",
                "usb-storage.delay_use=0 martlet.disks=2 martlet.read=1 martlet.say=all martlet.alarms=1 mem=96M "
                    + "martlet.buffer=0x87000000",
                vcpus: 2, devices: devices.map { .init($0) })
            configuration.vfio = vfio

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            for kind in ["sata", "usb"] {
                let bytes = try md5(of: "\(Host.deviceFiles)/\(kind).img", mebibytes: 1, from: 0)
                #expect(result.line("\(kind) md5") == "\(kind) md5 \(bytes)")
            }
            // By the cable, both ways.
            #expect(result.line("heard all-ttyS1") == "heard all-ttyS1 at ttyAMA0")
            #expect(result.line("heard all-ttyAMA0") == "heard all-ttyAMA0 at ttyS1")
            #expect(result.numbers("alarms") == [1, 1, 1])
            #expect(result.output.contains(".pl061 lines 8\n"), "\(result.output)")
            #expect(result.line("edu copied") == "edu copied 0123456789abcdeffedcba9876543210")
            let report = try result.report
            #expect(report.devices.map(\.host) == devices)
            #expect(report.devices.map(\.dma.through) == devices.map { $0 == HostDevices.rtc ? nil : through })
            #expect(Set(report.devices.map(\.group)).count == devices.count)
            for device in report.devices {
                let interrupt = try #require(device.interrupts.first)
                #expect(device.interrupts.count == 1 && interrupt.path == "irqfd", "\(device.host)")
                #expect((interrupt.count ?? 0) > 0 || device.host == HostDevices.gpio, "\(device.host)")
            }
        }
    }
}

/// The guest reached the device's registers without Martlet, and its interrupts came through KVM.
private func expectOneMappedRegionAndItsInterrupt(
    _ result: Guest.Result, _ name: String, atLeast count: Int, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let device = try #require(try result.report.device(name), sourceLocation: sourceLocation)
    #expect(device.isolation == "iommu", sourceLocation: sourceLocation)
    #expect(device.group == HostDevices.group(of: name), sourceLocation: sourceLocation)
    #expect(device.regions.map(\.access) == ["mapped"], sourceLocation: sourceLocation)
    #expect(device.regions.allSatisfy { $0.reads == 0 && $0.writes == 0 }, sourceLocation: sourceLocation)
    let interrupt = try #require(device.interrupts.first, sourceLocation: sourceLocation)
    #expect(device.interrupts.count == 1 && interrupt.trigger == "level", sourceLocation: sourceLocation)
    #expect(interrupt.path == "irqfd" && interrupt.reasons.isEmpty, sourceLocation: sourceLocation)
    #expect(interrupt.count.map { $0 >= count } == true, sourceLocation: sourceLocation)
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// The host's devices that do DMA, and its serial ports: no word in the configuration on what they are, and the guest's own
    /// drivers.
    @Suite(.onEmulatedHost)
    struct SoCDeviceTests {
        init() throws {
            for device in HostDevices.soc { try HostDevices.bind(device) }
        }

        @Test(arguments: [
            (HostDevices.sata, "ahci", "ATA QEMU HARDDISK"), (HostDevices.usb, "xhci-hcd", "QEMU QEMU HARDDISK"),
        ])
        func guestReadsAndWritesDisk(device: String, driver: String, identity: String) throws {
            let kind = String(device.suffix { $0 != "." })
            let image = "\(Host.deviceFiles)/\(kind).img"
            let bytes = try md5(of: image, mebibytes: 8, from: 0)

            let result = try Guest.run(
                .linux("disk", "usb-storage.delay_use=0 martlet.write=1", devices: [.init(device)]))

            try expectPowerOff(result)
            #expect(result.line("\(kind) ")?.hasSuffix(".\(kind) driver \(driver)") == true, "\(result.output)")
            #expect(result.line("\(kind) disk") == "\(kind) disk \(identity) sectors 131072")
            #expect(result.line("\(kind) md5") == "\(kind) md5 \(bytes)")
            if kind == "usb" { #expect(result.line("hub") == "hub xHCI Host Controller ports 4") }
            // What the guest wrote, it reads, and the host sees.
            let written = try md5(of: image, mebibytes: 4, from: 16)
            #expect(result.line("\(kind) written") == "\(kind) written \(written)")
            #expect(written == (try md5("seq 9000000 9524287")))
            let interrupts = try #require(result.numbers("\(kind) interrupts").last)
            try expectOneMappedRegionAndItsInterrupt(result, device, atLeast: interrupts)
            try expectUsable(device)
        }

        @Test(arguments: [(HostDevices.serial, "serial", 4), (HostDevices.uart, "pl011", 32)])
        func whatTheGuestSendsArrives(device: String, kind: String, type: Int) throws {
            let word = "word-\(UInt32.random(in: 0...UInt32.max))"

            let result = try Guest.run(.linux("serial", "martlet.say=\(word)", devices: [.init(device)]))

            try expectPowerOff(result)
            let port = kind == "serial" ? "ttyS1" : "ttyAMA0"
            // include/uapi/linux/serial_core.h: PORT_16550A, PORT_AMBA
            #expect(
                result.line("serial")?.hasSuffix(".\(kind) port \(port) type \(type)") == true, "\(result.output)")
            #expect(Host.text("\(Host.deviceFiles)/\(kind).txt").contains(word))
            try expectOneMappedRegionAndItsInterrupt(result, device, atLeast: 1)
        }

        @Test func educationalDeviceInterruptsAndCopies() throws {
            let result = try Guest.run(
                .linux("edu", "mem=96M martlet.buffer=0x87000000", devices: [.init(HostDevices.edu)]))

            try expectPowerOff(result)
            #expect(result.line("edu id") == "edu id 0x010000ed")
            #expect(result.line("edu inverse") == "edu inverse 0xedcba987")
            #expect(result.line("edu factorial") == "edu factorial \((1...10).reduce(1, *)) status 0x00000001")
            #expect(result.line("edu copied") == "edu copied 0123456789abcdeffedcba9876543210")
            try expectOneMappedRegionAndItsInterrupt(result, HostDevices.edu, atLeast: 3)
        }

        /// Seven devices, six of them in IOMMU groups of their own, in one VM.
        @Test func allAtOnce() throws {
            let devices = HostDevices.soc + [HostDevices.rtc, HostDevices.gpio]
            let result = try Guest.run(
                .linux(
                    "soc", "usb-storage.delay_use=0 martlet.disks=2 martlet.say=all mem=96M martlet.buffer=0x87000000",
                    vcpus: 2, devices: devices.map { .init($0) }))

            try expectPowerOff(result)
            for kind in ["sata", "usb"] {
                let bytes = try md5(of: "\(Host.deviceFiles)/\(kind).img", mebibytes: 8, from: 0)
                #expect(result.line("\(kind) md5") == "\(kind) md5 \(bytes)")
            }
            // By the cable, both ways.
            #expect(result.line("heard all-ttyS1") == "heard all-ttyS1 at ttyAMA0")
            #expect(result.line("heard all-ttyAMA0") == "heard all-ttyAMA0 at ttyS1")
            #expect(result.numbers("alarms") == [3, 3, 3])
            #expect(result.line("gpiochip")?.hasSuffix("lines 8") == true)
            #expect(result.line("edu copied") == "edu copied 0123456789abcdeffedcba9876543210")
            let report = try result.report
            #expect(report.devices.map(\.host) == devices)
            #expect(report.devices.filter { $0.isolation == "iommu" }.count == 6)
            #expect(Set(report.devices.map(\.group)).count == devices.count)
            for device in report.devices { #expect(device.interrupts.map(\.path) == ["irqfd"], "\(device.host)") }
        }

        @Test func hostReadsWhatTheGuestWroteOnceItHasTheDiskAgain() throws {
            let result = try Guest.run(.linux("disk", "martlet.write=1", devices: [.init(HostDevices.sata)]))
            try expectPowerOff(result)

            try HostDevices.giveToHost(HostDevices.sata)

            #expect(HostDevices.driver(of: HostDevices.sata) == "ahci")
            var disk: String?
            for _ in 0..<100 where disk == nil {
                disk = try FileManager.default.contentsOfDirectory(atPath: "/sys/block").first {
                    try FileManager.default.destinationOfSymbolicLink(atPath: "/sys/block/\($0)")
                        .contains(HostDevices.sata)
                }
                usleep(100_000)
            }
            let bytes = try md5(of: "/dev/\(try #require(disk))", mebibytes: 4, from: 16)
            #expect(result.line("sata written") == "sata written \(bytes)")
            try HostDevices.bind(HostDevices.sata)
            try expectUsable(HostDevices.sata)
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
    #expect((interrupt.count ?? 0) >= count && count > 0, sourceLocation: sourceLocation)
}

/// The MD5 of a part of a file of the host.
private func md5(of file: String, mebibytes: Int, from start: Int) throws -> String {
    try md5("dd if=\(file) bs=1M skip=\(start) count=\(mebibytes) 2>/dev/null")
}

/// The MD5 of what a command of the host's shell prints.
private func md5(_ command: String) throws -> String {
    let process = try MartletProcess(["-c", "\(command) | md5sum"], program: "/bin/sh")
    try process.waitForEnd()
    return try #require(process.output.split(separator: " ").first.map(String.init))
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// Devices that do DMA, reset through their own registers: at the end, between two guests, and by a guest's driver.
    @Suite(.onEmulatedHost)
    struct ResetTests {
        init() throws {
            for device in [HostDevices.sata, HostDevices.usb, HostDevices.edu] { try HostDevices.bind(device) }
        }

        /// QEMU's edu can't be told to leave off, but it says when it has done (docs/specs/edu.rst). Its command
        /// register takes nothing but a new copy.
        private static let edu = GuestConfiguration.Reset.steps([
            .init(step: "poll", offset: 0x98, mask: 1, timeout: 1000), .init(step: "poll", offset: 0x20, mask: 1),
            .write(0x20, 0), .write(0x64, 0xFFFF_FFFF), .write(0x80, 0), .write(0x88, 0), .write(0x90, 0),
        ])

        private static let address = "0xc000000"

        /// A guest whose device does DMA without end.
        private func busy(_ device: String, _ reset: GuestConfiguration.Reset?) -> GuestConfiguration {
            var passed = GuestConfiguration.Device(device, guestAddress: Self.address)
            passed.reset = reset
            return device == HostDevices.edu
                ? .linux("edu", "mem=96M martlet.buffer=0x87000000 martlet.endless=1", devices: [passed])
                : .linux("traffic", "usb-storage.delay_use=0", devices: [passed])
        }

        /// Ends a busy guest by SIGTERM.
        /// - Returns: how many faults the IOMMU logged, and the report.
        private func faults(
            _ device: String, _ reset: GuestConfiguration.Reset?
        ) throws -> (count: Int, report: RunReport.Device) {
            let log = try KernelLog()
            let guest = try Guest(busy(device, reset))
            try guest.process.waitForOutput(
                device == HostDevices.edu ? "martlet-guest: edu endless" : "martlet-guest: traffic on sd")
            guest.process.read(seconds: 0.3)
            guest.process.signal(SIGTERM)
            let result = try guest.finish()
            #expect(result.status == 143, "\(result.output)\(result.errors)")
            usleep(400_000)
            let report = try #require(try result.report.device(device), "\(result.errors)")
            return (log.messages().filter { $0.contains("event 0x") }.count, report)
        }

        /// Registers as the next guest finds them, before any driver; nothing resets the device in between.
        private func registers(_ device: String, _ offsets: [String]) throws -> [String] {
            var passed = GuestConfiguration.Device(device, guestAddress: Self.address)
            passed.reset = .word("none")
            let kind = device.split(separator: ".").last ?? ""
            let result = try Guest.run(
                .linux(
                    "resets",
                    "initcall_blacklist=ahci_driver_init,xhci_plat_init martlet.device=\(kind) "
                        + "martlet.registers=\(offsets.joined(separator: ","))", devices: [passed]))
            try expectPowerOff(result)
            #expect(result.line("first driver") == "first driver none")
            return result.lines("first register").compactMap { $0.split(separator: " ").last.map(String.init) }
        }

        /// Registers that a busy guest has set, and what they are after power-on.
        private static let busyDevices:
            [(device: String, reset: GuestConfiguration.Reset?, by: String, [String], [String])] = [
                // GHC, PxIE, PxCMD, PxCI of port 0.
                (
                    HostDevices.sata, nil, "by Martlet's recipe for generic-ahci", ["0x4", "0x114", "0x118", "0x138"],
                    ["0x80000000", "0x00000000", "0x00000006", "0x00000000"]
                ),
                // USBCMD, USBSTS, CRCR, DCBAAP, CONFIG: behind the 40h bytes of the capabilities.
                (
                    HostDevices.usb, nil, "by Martlet's recipe for generic-xhci",
                    ["0x40", "0x44", "0x58", "0x70", "0x78"],
                    ["0x00000000", "0x00000001", "0x00000000", "0x00000000", "0x00000000"]
                ),
                // Source, destination and count of the copy, and the status.
                (
                    HostDevices.edu, edu, "by the configuration's 7 steps", ["0x80", "0x88", "0x90", "0x20"],
                    ["0x00000000", "0x00000000", "0x00000000", "0x00000000"]
                ),
            ]

        @Test(arguments: busyDevices.indices)
        func `a device with a reset faults no more after SIGTERM, and the next guest finds it as new`(
            index: Int
        ) throws {
            let (device, reset, by, offsets, values) = Self.busyDevices[index]

            for _ in 0..<3 {
                let (count, report) = try faults(device, reset)
                #expect(count == 0, "\(count) faults")
                #expect(report.reset.text == by && report.resetFailure == nil)
                #expect(report.dma.faults?.count == 0)
            }

            let found = try registers(device, offsets)
            #expect(found == values)
        }

        /// What the others are held against. Whether something is on its way at the end is chance, on a busy machine
        /// above all; `ConfinementTests` shows that edu's copies fault without a reset.
        @Test(arguments: busyDevices.indices)
        func `without its reset the next guest finds the same device as it was left`(index: Int) throws {
            let (device, reset, _, offsets, values) = Self.busyDevices[index]

            _ = try faults(device, .word("none"))

            let found = try registers(device, offsets)
            #expect(found != values)
            // Whoever has it next finds it in order.
            _ = try faults(device, reset)
        }

        /// The guest powers off right after it has begun a copy.
        @Test func `a copy that is on its way at a power-off is waited for`() throws {
            let log = try KernelLog()
            var device = GuestConfiguration.Device(HostDevices.edu, guestAddress: Self.address)
            device.reset = Self.edu
            for _ in 0..<5 {
                let result = try Guest.run(.flat("edu", devices: [device]))
                #expect(result.status == 0, "\(result.errors)")
                usleep(300_000)
            }
            #expect(log.messages().filter { $0.contains("event 0x") } == [])
        }

        /// The recipe is done before the next guest has its memory: each start finds a device that has nothing to do.
        @Test func `a device with steps of its own is started again`() throws {
            let log = try KernelLog()
            var device = GuestConfiguration.Device(HostDevices.edu, guestAddress: Self.address)
            device.reset = Self.edu
            var configuration = GuestConfiguration.flat("restart", devices: [device])
            configuration.onReset = "restart"

            let result = try Guest.run(configuration)

            // It takes each start for the first one, so that it asks for a reset until that is too much.
            #expect(result.output == String(repeating: "1\n", count: 11), "\(result.errors)")
            #expect(try result.report.restarts == 10)
            #expect(log.messages().filter { $0.contains("event 0x") } == [])
        }

        @Test func `a step that times out is an error in the report, and the run ends`() throws {
            var device = GuestConfiguration.Device(HostDevices.edu)
            device.reset = .steps([.init(step: "poll", offset: 0, value: 1, timeout: 300)])
            let failure = "poll region 0 offset 0x0: bits 0xffffffff = 0x1 timed out after 300 ms at 0x10000ed"

            let result = try Guest.run(.flat("poweroff", devices: [device]))

            #expect(result.status == 0)
            #expect(try result.report.devices.map(\.resetFailure) == [failure])
            #expect(result.errors.contains("  reset failed: \(failure); DMA of its last user may go on\n"))
            device.requiresReset = true
            try expectRefusal(
                .flat("poweroff", devices: [device]), "\(HostDevices.edu): the reset failed: \(failure)",
                "require_reset is set")
        }

        @Test func `a step on a register that isn't there is refused`() throws {
            var device = GuestConfiguration.Device(HostDevices.edu)
            device.reset = .steps([.write(0x98, 0), .write(0x100000, 0)])
            try expectRefusal(
                .flat("poweroff", devices: [device]),
                "\(HostDevices.edu): reset[1] can't be done: write region 0 offset 0x100000: 0x0: region 0 has 1048576 "
                    + "bytes",
                "see the device's regions")
        }

        @Test func `check says what resets a device`() throws {
            let folder = try TemporaryFolder()
            let configuration = GuestConfiguration.flat(
                "poweroff", devices: [.init(HostDevices.sata), .init(HostDevices.edu)])

            let check = try MartletProcess(["check", try configuration.write(to: folder)])

            #expect(try check.waitForEnd() == 0, "\(check.errors)")
            #expect(check.output.contains("  reset: by Martlet's recipe for generic-ahci\n"), "\(check.output)")
            #expect(
                check.output.contains(
                    "  reset: none: the host's kernel can't reset it, and Martlet has no recipe for qemu,edu\n"))
            #expect(check.output.contains("  reset lines: 2, asserted 0 times; stand-ins that reset nothing\n"))
        }

        // MARK: Lines of the guest's reset controller

        /// The driver asserts its line when it lets go of the device. It leaves GHC.IE set, which only a reset clears.
        @Test(arguments: [(nil, "0x80000000"), ("none", "0x80000002")])
        func `a line that the guest's driver asserts resets the device`(reset: String?, control: String) throws {
            var device = GuestConfiguration.Device(HostDevices.sata)
            device.reset = reset.map { .word($0) }

            let result = try Guest.run(
                .linux(
                    "resets", "martlet.device=sata martlet.registers=0x4 martlet.unbind=1 martlet.read=1",
                    devices: [device]))

            try expectPowerOff(result)
            #expect(result.line("first driver") == "first driver ahci")
            #expect(result.line("first register") == "first register 0x4 0x80000002")
            #expect(result.line("unbound register") == "unbound register 0x4 \(control)")
            #expect(result.line("bound driver") == "bound driver ahci")
            #expect(result.line("sata disk") != nil, "\(result.output)")
            let report = try #require(try result.report.device(HostDevices.sata))
            #expect(report.reset.lines == 1 && report.reset.assertions == 1)
            let does = reset == nil ? "one of the device's own resets it" : "stand-ins that reset nothing"
            #expect(result.errors.contains("  reset lines: 1, asserted once; \(does)\n"), "\(result.errors)")
        }

        /// Linux's driver for that DMA controller gives up without its reset lines. It gets on with any device that
        /// has registers.
        @Test(arguments: [true, false]) func `a driver that insists on a reset line starts`(hasLines: Bool) throws {
            var device = GuestConfiguration.Device(HostDevices.edu)
            device.deviceTree = .init(
                properties: [
                    "compatible": "starfive,jh7110-axi-dma", "dma-channels": .number(1), "#dma-cells": .number(1),
                    "snps,dma-masters": .number(1), "snps,data-width": .number(2), "snps,block-size": .number(4096),
                    "snps,priority": .number(0),
                ], deletions: hasLines ? nil : ["resets"], clocks: ["core-clk": 1_000_000, "cfgr-clk": 1_000_000])

            let result = try Guest.run(.linux("resets", "martlet.device=edu", devices: [device]))

            try expectPowerOff(result)
            let driver = hasLines ? "dw_axi_dmac_platform" : "none"
            #expect(result.line("first driver") == "first driver \(driver)", "\(result.output)")
            #expect(try result.report.device(HostDevices.edu)?.reset.lines == (hasLines ? 2 : 0))
        }
    }
}

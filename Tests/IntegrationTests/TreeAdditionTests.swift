// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

extension Integration {
    /// What the user says of the device tree and of addresses, as a Linux guest gets to see it.
    @Suite(.onEmulatedHost)
    struct TreeAdditionTests {
        /// Another RAM base, another platform bus, a fixed address, a property, and an overlay, all at once.
        @Test func `example with overlay boots`() throws {
            let folder = try TemporaryFolder()
            let report = "\(folder.path)/report.json"
            let process = try MartletProcess(
                ["run", "\(Host.configurations)/pl031-overlay.json", "--report", report])

            #expect(try process.waitForEnd() == 0, "\(process.transcript)")
            let properties = try properties(process.output)
            #expect(properties["martlet,note"] == hexadecimal("from an overlay\0"))
            #expect(properties["wakeup-source"] == "")
            #expect(properties["martlet,answer"] == "0000002a")
            #expect(properties["martlet,parent"] == "00000001", "the interrupt controller's phandle")
            #expect(properties["reg"] == "00000000300000000000000000001000")
            #expect(process.output.contains("martlet-guest: alarms armed 1 received 1 interrupts 1"))
            let region = try #require(try RunReport(file: report).devices.first?.regions.first)
            #expect(region.guestAddress == "0x30000000" && region.access == "mapped")
            try expectUsable(HostDevices.rtc)
        }

        @Test func `platform bus of the users is where devices go`() throws {
            var configuration = GuestConfiguration.linux(
                "devices", "martlet.alarms=1", devices: [.init(HostDevices.rtc), .init(HostDevices.gpio)])
            configuration.size.ramBase = "0x200000000"
            configuration.size.platformBus = ["base": "0x100000000", "size": "0x200000"]

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [1, 1, 1])
            #expect(result.line("rtc name")?.contains("100000000.pl031") == true)
            #expect(
                try result.report.devices.map { $0.regions.first?.guestAddress } == ["0x100000000", "0x100001000"])
        }

        @Test func `one device at fixed address and one at the hosts`() throws {
            var rtc = GuestConfiguration.Device(HostDevices.rtc)
            rtc.guestAddress = .each(["0x30000000"])
            var gpio = GuestConfiguration.Device(HostDevices.gpio)
            gpio.guestAddress = .each(["host"])

            let result = try Guest.run(.linux("devices", "martlet.alarms=1", devices: [rtc, gpio]))

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [1, 1, 1])
            #expect(result.line("rtc name")?.contains("30000000.pl031") == true)
            #expect(result.output.contains("gpiochip 9030000.pl061 lines 8\n"), "\(result.output)")
            #expect(
                try result.report.devices.map { $0.regions.first?.guestAddress } == ["0x30000000", "0x9030000"])
            try expectUsable(HostDevices.rtc, HostDevices.gpio)
        }

        /// What `martlet dtb` writes is a base for the next guest.
        @Test func `dumped tree is good base`() throws {
            let folder = try TemporaryFolder()
            let first = try deviceTreeBlob(of: "\(Host.configurations)/pl031-passthrough.json")
            let base = try folder.file("base.dtb", first)
            var configuration = GuestConfiguration.linux(
                "node", "martlet.node=platform-bus@c000000/pl031@c000000 martlet.alarms=1",
                devices: [.init(HostDevices.rtc)])
            configuration.deviceTree = .init(base: base)

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [1, 1, 1])
            #expect(try properties(result.output)["reg"] == "000000000c0000000000000000001000")
        }

        @Test func `command line of base is reported as its own`() throws {
            let folder = try TemporaryFolder()
            var configuration = GuestConfiguration.linux("cpus")
            let text = try #require(configuration.source.arguments)
            let blob = try deviceTreeBlob(of: try configuration.write(to: folder))
            configuration.deviceTree = .init(base: try folder.file("base.dtb", blob))
            configuration.source.arguments = nil

            let check = try MartletProcess(["check", try configuration.write(to: folder)])
            #expect(try check.waitForEnd() == 0, "\(check.errors)")
            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus 1")
            let line = "boot_args: \"\(text)\" (from device-tree.base)\n"
            #expect(check.output.contains(line), "\(check.output)")
            #expect(result.errors.contains(line), "\(result.errors)")
            let reported = try #require(try result.report.bootArgs)
            #expect(reported.text == text && reported.source == "device-tree.base")
        }

        /// A device described by a partial tree of Xen's: its interrupt leads to a node that stands for the guest's
        /// GIC.
        @Test func `device of Xen's partial tree gets its interrupts`() throws {
            // Martlet's own node would describe the same registers.
            var rtc = GuestConfiguration.Device(HostDevices.rtc)
            rtc.guestAddress = .each(["0x30000000"])
            rtc.deviceTree = .init(properties: ["status": "disabled"])
            var configuration = GuestConfiguration.linux("rtc", "martlet.alarms=2", devices: [rtc])
            configuration.deviceTree = .init(base: "\(Host.configurations)/bases/xen-rtc.dtb")

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("rtc name")?.contains("30000000.rtc") == true)
            #expect(result.numbers("alarms") == [2, 2, 2])
            let device = try #require(try result.report.device(HostDevices.rtc))
            #expect(device.interrupts.map(\.spi) == [2], "the number in the partial tree")
            #expect(device.interrupts.map(\.count) == [2])
            try expectUsable(HostDevices.rtc)
        }

        @Test func `text for a reference and source for the preprocessor are refused`() throws {
            let folder = try TemporaryFolder()
            var configuration = GuestConfiguration.flat("poweroff", devices: [.init(HostDevices.rtc)])
            configuration.devices[0].deviceTree = .init(properties: ["phy-handle": "&phy"])
            try expectRefusal(
                configuration, "platform-devices[0].device_tree.properties.phy-handle: found \"&phy\"",
                "write {\"phandle\": \"phy\"}")
            configuration.devices[0].deviceTree = nil
            let source = try folder.file("source.dtso", Data("#include <x.h>\n".utf8))
            configuration.deviceTree = .init(overlays: [source])
            try expectRefusal(
                configuration, "the PATH has neither cpp nor cc", "cpp -nostdinc -undef -D__DTS__")
            try expectUsable(HostDevices.rtc)
        }

        // MARK: Refusals

        @Test(arguments: [
            ("0x8000000", "interrupt controller"), ("0x8600000", "serial port"), ("0x9000000", "RTC"),
        ])
        func `RAM in the way of the board is refused`(base: String, owner: String) throws {
            var configuration = GuestConfiguration.flat("poweroff")
            configuration.size.ramBase = base
            try expectRefusal(configuration, "machine-config.ram_base: the RAM at \(base)-", "overlaps the \(owner)")
        }

        @Test func `platform bus in the way is refused`() throws {
            var configuration = GuestConfiguration.flat("poweroff", devices: [.init(HostDevices.rtc)])
            configuration.size.platformBus = ["base": "0x7ffff000", "size": "0x2000"]
            try expectRefusal(
                configuration, "machine-config.platform_bus: the platform bus at 0x7ffff000-0x80000fff",
                "overlaps the RAM (machine-config.ram_base) at 0x80000000")
            try expectUsable(HostDevices.rtc)
        }

        @Test func `overlays that are no good are refused`() throws {
            let folder = try TemporaryFolder()
            let overlay = "\(Host.configurations)/overlays/rtc.dtbo"
            let whole = try Data(contentsOf: URL(fileURLWithPath: overlay))
            let cut = try folder.file("cut.dtbo", whole.dropLast(9))
            var configuration = GuestConfiguration.flat("poweroff", devices: [.init(HostDevices.rtc)])

            configuration.deviceTree = .init(overlays: [cut])
            try expectRefusal(configuration, "device-tree.overlays[0]: \(cut): device tree: not a valid blob")
            configuration.deviceTree = .init(overlays: [overlay])
            configuration.devices[0].label = "rtc_0"
            try expectRefusal(
                configuration, "\(overlay): no node of the guest's device tree has the label rtc0",
                "to which /fragment@0 refers (target)", "did you mean \"rtc_0\"?")
            configuration.deviceTree = .init(overlays: ["/nowhere.dtbo"])
            try expectRefusal(configuration, "device-tree.overlays[0]: /nowhere.dtbo: ENOENT")
            configuration.deviceTree = .init(overlays: ["/source.dtso"])
            try expectRefusal(configuration, "the PATH has no dtc", "device-tree-compiler")
            try expectUsable(HostDevices.rtc)
        }

        @Test func `check and dump show what was added`() throws {
            let example = "\(Host.configurations)/pl031-overlay.json"
            let check = try MartletProcess(["check", example])
            #expect(try check.waitForEnd() == 0, "\(check.errors)")
            #expect(check.output.contains("device tree: device-tree.overlays[0]: "))
            #expect(check.output.contains("overlays/rtc.dtbo applied\n"))
            #expect(check.output.contains("128 MiB at 0x40000000"))
            let blob = try deviceTreeBlob(of: example)
            #expect(String(decoding: blob, as: UTF8.self).contains("from an overlay\0"))
        }

        // MARK: Support

        /// What the guest's script says of a node.
        private func properties(_ output: String) throws -> [String: String] {
            var properties: [String: String] = [:]
            for line in output.split(separator: "\n") where line.hasPrefix("martlet-guest: property ") {
                let words = line.split(separator: " ", omittingEmptySubsequences: false)
                properties[String(words[2])] = String(words[3])
            }
            try #require(!properties.isEmpty, "\(output)")
            return properties
        }

        private func hexadecimal(_ text: String) -> String {
            text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}

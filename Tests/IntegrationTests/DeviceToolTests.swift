// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// `martlet devices`, `bind` and `release` on the host's real sysfs.
    @Suite(.onEmulatedHost)
    struct DeviceToolTests {
        @discardableResult
        private func martlet(_ arguments: String..., status: Int = 0) throws -> MartletProcess {
            let process = try MartletProcess(arguments)
            #expect(try process.waitForEnd() == status, "\(arguments): \(process.transcript)")
            return process
        }

        /// A device as `martlet devices --json` prints it.
        private struct Record: Decodable {
            struct Group: Decodable {
                let id: Int
                let isolation: String
            }
            struct Region: Decodable {
                let access: String
                let size: Int
                let hostAddress: String?
                let reason: String?
                enum CodingKeys: String, CodingKey {
                    case access, size, reason
                    case hostAddress = "host_address"
                }
            }
            struct Interrupt: Decodable {
                let trigger: String?
            }
            struct Verdict: Decodable {
                let state: String
                let reasons: [String]
            }
            let name: String
            let compatible: [String]
            let driver: String?
            let group: Group?
            let regions: [Region]
            let interrupts: [Interrupt]
            let verdict: Verdict
        }

        private func records(_ names: String...) throws -> [Record] {
            let process = try MartletProcess(["devices", "--json"] + names)
            #expect(try process.waitForEnd() == 0, "\(process.transcript)")
            #expect(process.errors.isEmpty)
            return try #require(
                try JSONDecoder().decode([String: [Record]].self, from: Data(process.output.utf8))["devices"])
        }

        private func record(_ name: String) throws -> Record { try #require(try records(name).first) }

        private func expectVerdict(_ name: String, _ state: String, sourceLocation: SourceLocation = #_sourceLocation)
            throws
        {
            #expect(try record(name).verdict.state == state, sourceLocation: sourceLocation)
        }

        // MARK: devices

        @Test func `devices tells what the host has`() throws {
            let all = try records()

            let rtc = try #require(all.first { $0.name == HostDevices.rtc })
            #expect(rtc.compatible == ["arm,pl031", "arm,primecell"])
            #expect(rtc.driver == "vfio-amba")
            #expect(rtc.group?.isolation == "none")
            #expect(rtc.regions.map(\.hostAddress) == ["0x9010000"])
            #expect(rtc.regions.map(\.size) == [4096])
            #expect(rtc.regions.map(\.access) == ["mappable"])
            #expect(rtc.interrupts.map(\.trigger) == ["level"])
            let virtio = try #require(all.first { $0.name == HostDevices.isolatedVirtio })
            #expect(virtio.group?.isolation == "iommu")
            #expect(virtio.regions.map(\.size) == [512])
            #expect(virtio.regions.map(\.access) == ["trapped"])
            #expect(virtio.interrupts.map(\.trigger) == ["edge"])
            for device in HostDevices.all {
                #expect(all.first { $0.name == device }?.verdict.state == "ready", "\(device)")
            }
            // What VFIO says of the open device is the same.
            let report = try Guest.run(.flat("poweroff", devices: [.init(HostDevices.rtc)])).report
            let opened = try #require(report.device(HostDevices.rtc))
            #expect(opened.regions.map(\.hostAddress) == rtc.regions.map(\.hostAddress))
            #expect(opened.regions.map(\.access) == ["mapped"])
            #expect(opened.interrupts.map(\.trigger) == rtc.interrupts.map(\.trigger))
        }

        @Test func `devices prints a table`() throws {
            let lines = try martlet("devices").output.split(separator: "\n")

            #expect(lines.first?.hasPrefix("DEVICE") == true)
            let rtc = try #require(lines.first { $0.hasPrefix(HostDevices.rtc) })
            for text in ["arm,pl031", "vfio-amba", "4K mapped", "level", "works"] { #expect(rtc.contains(text)) }
            let virtio = try #require(lines.first { $0.hasPrefix(HostDevices.virtio) })
            for text in ["virtio,mmio", "512 trapped (address)", "edge", "works"] { #expect(virtio.contains(text)) }
            // Nothing of the host's is touched.
            try expectUsable(HostDevices.rtc)
        }

        @Test func `verdicts follow the device`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            try HostDevices.unbind(HostDevices.gpio)
            try HostDevices.unbind(HostDevices.virtio)

            for device in [HostDevices.rtc, HostDevices.gpio, HostDevices.virtio] {
                try expectVerdict(device, "needs bind")
            }
            #expect(try record(HostDevices.rtc).driver == "rtc-pl031")

            try withoutNoIOMMUMode {
                try expectVerdict(HostDevices.rtc, "needs")
                #expect(try record(HostDevices.rtc).verdict.reasons == ["no-IOMMU mode"])
                // An IOMMU knows this one.
                try expectVerdict(HostDevices.gpio, "needs bind")
            }
            try martlet("bind", HostDevices.rtc, HostDevices.gpio, HostDevices.virtio)
            for device in [HostDevices.rtc, HostDevices.gpio, HostDevices.virtio] { try expectVerdict(device, "ready") }
        }

        /// The mode of VFIO that takes devices without an IOMMU is off meanwhile.
        private func withoutNoIOMMUMode(_ body: () throws -> Void) throws {
            let mode = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
            try Host.write("N", to: mode)
            defer { try? Host.write("Y", to: mode) }
            try body()
            #expect(Host.text(mode) == "N", "it is not for Martlet to switch it on")
        }

        // MARK: bind and release

        @Test func `hosts clock goes to guest and comes back`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            let before = try #require(try hostsClock())

            let bound = try martlet("bind", HostDevices.rtc)
            #expect(bound.output.hasPrefix("\(HostDevices.rtc): vfio-amba has it, group "))
            #expect(bound.output.hasSuffix(", isolation: none\n"))
            #expect(try hostsClock() == nil)
            let result = try Guest.run(.linux("rtc", "martlet.alarms=2", devices: [.init(HostDevices.rtc)]))
            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])

            #expect(
                try martlet("release", HostDevices.rtc).output == "\(HostDevices.rtc): released, rtc-pl031 has it\n")
            #expect(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")
            // The host's driver reads the hardware again.
            let after = try #require(try hostsClock())
            #expect((before...before + 600).contains(after))
        }

        /// What the host's driver reads from the device, in seconds; nil while no driver of the host has it.
        private func hostsClock() throws -> Int? {
            let folder = "\(HostDevices.folder(HostDevices.rtc))/rtc"
            guard let name = try? FileManager.default.contentsOfDirectory(atPath: folder).first else { return nil }
            #expect(Host.exists("/dev/\(name)"))
            return Int(Host.text("\(folder)/\(name)/since_epoch"))
        }

        @Test func `a disk goes to the guest and comes back`() throws {
            try martlet("release", HostDevices.sata)
            _ = try HostDevices.disk(of: HostDevices.sata)

            let text = try martlet("devices", HostDevices.sata).output
            for part in [
                "the guest's node, in a guest without other devices:", "sata@c000000 {",
                "compatible = \"generic-ahci\"", "its properties:", "iommus", "dropped: ",
                "martlet bind \(HostDevices.sata)",
            ] {
                #expect(text.contains(part), "\"\(part)\" is not in: \(text)")
            }
            try martlet("bind", HostDevices.sata)
            let result = try Guest.run(.linux("disk", devices: [.init(HostDevices.sata)]))
            try expectPowerOff(result)
            let seen = try #require(result.line("sata md5 ")?.split(separator: " ").last)

            #expect(
                try martlet("release", HostDevices.sata).output == "\(HostDevices.sata): released, ahci has it\n")
            #expect(HostDevices.driver(of: HostDevices.sata) == "ahci")
            let disk = try HostDevices.disk(of: HostDevices.sata)
            let reading = try MartletProcess(
                ["-c", "dd if=/dev/\(disk) bs=1M count=8 2>/dev/null | md5sum"], program: "/bin/sh")
            try reading.waitForEnd()
            #expect(reading.output.hasPrefix(seen))
            try martlet("bind", HostDevices.sata)
        }

        @Test func `bind and release are done once`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            try martlet("bind", HostDevices.rtc)
            #expect(try martlet("bind", HostDevices.rtc).output.contains("vfio-amba has it already, group "))

            try martlet("release", HostDevices.rtc)
            #expect(
                try martlet("release", HostDevices.rtc).output
                    == "\(HostDevices.rtc): VFIO doesn't have it, rtc-pl031 has it\n")
        }

        @Test func `what had no driver has none again`() throws {
            try HostDevices.unbind(HostDevices.gpio)
            try Host.write("\n", to: "\(HostDevices.folder(HostDevices.gpio))/driver_override")

            try martlet("bind", "/sys/bus/amba/devices/\(HostDevices.gpio)", HostDevices.isolatedVirtio)
            let output = try martlet("release", HostDevices.gpio).output

            #expect(output == "\(HostDevices.gpio): released, no driver has it\n")
            #expect(Host.text("\(HostDevices.folder(HostDevices.gpio))/driver_override") == "(null)")
        }

        /// What another program gave to VFIO goes to the driver that the kernel chooses.
        @Test func `release without a note`() throws {
            try HostDevices.bind(HostDevices.rtc)
            _ = remove("/run/martlet/former-drivers/amba-\(HostDevices.rtc)")

            try martlet("release", HostDevices.rtc)

            #expect(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")
        }

        @Test func `dry runs commands do the same`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)

            let binding = try martlet("bind", "--dry-run", HostDevices.rtc).output
            #expect(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")
            try shell(binding)
            #expect(HostDevices.driver(of: HostDevices.rtc) == "vfio-amba")
            #expect(try martlet("bind", "--dry-run", HostDevices.rtc).output.hasPrefix("# \(HostDevices.rtc): "))

            let release = try martlet("release", "--dry-run", HostDevices.rtc).output
            #expect(HostDevices.driver(of: HostDevices.rtc) == "vfio-amba")
            try shell(release)
            #expect(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")
        }

        private func shell(_ commands: String) throws {
            let process = try MartletProcess(["-ec", commands], program: "/bin/sh")
            #expect(try process.waitForEnd() == 0, "\(commands): \(process.transcript)")
        }

        // MARK: Refusals

        /// Martlet refuses, says why, and changes nothing.
        private func expectRefusal(
            _ arguments: [String], _ texts: String..., sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let names = arguments.dropFirst().filter { !$0.hasPrefix("-") }
            let before = names.map(HostDevices.driver)
            let process = try MartletProcess(arguments)
            #expect(try process.waitForEnd() == 1, "\(process.transcript)", sourceLocation: sourceLocation)
            #expect(process.output.isEmpty, sourceLocation: sourceLocation)
            for text in texts {
                #expect(
                    process.errors.contains(text), "\"\(text)\" is not in: \(process.errors)",
                    sourceLocation: sourceLocation)
            }
            #expect(names.map(HostDevices.driver) == before, sourceLocation: sourceLocation)
        }

        @Test func `the console stays with the host`() throws {
            let consoles = Host.text("/proc/consoles").split(separator: "\n").compactMap {
                $0.split(separator: " ").first.map(String.init)
            }
            let devices = try records().filter {
                $0.verdict.reasons.contains { $0.hasPrefix("it is the host's console (") }
            }
            try #require(!devices.isEmpty, "\(consoles)")
            for device in devices {
                #expect(device.verdict.state == "impossible")
                try expectRefusal(
                    ["bind", device.name], "\(device.name): not given to VFIO",
                    "it is the console of the host's kernel")
                try expectRefusal(["bind", "--dry-run", device.name], "\(device.name): not given to VFIO")
                #expect(consoles.contains { console in device.verdict.reasons[0].contains("(\(console))") })
            }
        }

        /// The console of a host that has its serial port as one.
        @Test func `a serial port that became a console stays with the host`() throws {
            try martlet("release", HostDevices.serial)
            #expect(HostDevices.driver(of: HostDevices.serial) == "of_serial")
            let console = "/sys/class/tty/ttyS0/console"
            // It becomes one by itself when its driver gets it back for the first time.
            if Host.text(console) == "Y" { try Host.write("N", to: console) }
            try #require(Host.text(console) == "N")
            do {
                try Host.write("Y", to: console)
                defer { try? Host.write("N", to: console) }
                try expectVerdict(HostDevices.serial, "impossible")
                try expectRefusal(
                    ["bind", HostDevices.serial], "\(HostDevices.serial): not given to VFIO",
                    "it is the console of the host's kernel (ttyS0)", "start the host with another console")
            }
            try martlet("bind", HostDevices.serial)
            try expectUsable(HostDevices.serial)
        }

        /// The host's kernel has no file system for disks: one with a made-up number that names the disk stands for it,
        /// as that of a Btrfs does in the kernel's own table.
        @Test func `the controller of a mounted file system stays with the host`() throws {
            try HostDevices.giveToHost(HostDevices.sata)
            let disk = try HostDevices.disk(of: HostDevices.sata)
            let folder = try TemporaryFolder()
            try #require(mount("/dev/\(disk)", folder.path, "tmpfs", 0, nil) == 0)
            do {
                defer { umount(folder.path) }
                try expectRefusal(
                    ["bind", HostDevices.sata], "\(HostDevices.sata): not given to VFIO",
                    "\(disk) is on it and mounted at \(folder.path)", "run: umount \(folder.path)")
                #expect(try record(HostDevices.sata).verdict.reasons == ["\(folder.path) unmounted (\(disk))"])
            }
            try martlet("bind", HostDevices.sata)
            try expectUsable(HostDevices.sata)
        }

        /// The parameter can't be changed while the host runs (0444), so a file that says Y lies over it.
        @Test func `a reset that is required and missing is a refusal`() throws {
            try HostDevices.giveToHost(HostDevices.sata)
            let parameter = "/sys/module/vfio_platform/parameters/reset_required"
            try #require(Host.text(parameter) == "N")
            let folder = try TemporaryFolder()
            try #require(mount(try folder.file("Y", "Y\n"), parameter, nil, UInt(MS_BIND), nil) == 0)
            do {
                defer { umount(parameter) }
                try expectRefusal(
                    ["bind", HostDevices.sata], "\(HostDevices.sata): not given to VFIO", "generic-ahci",
                    "start the host with vfio_platform.reset_required=0",
                    "run: modprobe -r vfio-platform && modprobe vfio-platform reset_required=0")
                #expect(try record(HostDevices.sata).verdict.reasons == ["vfio_platform.reset_required=0"])
            }
            try martlet("bind", HostDevices.sata)
        }

        @Test func `no IOMMU mode is not switched on`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            try withoutNoIOMMUMode {
                try expectRefusal(
                    ["bind", HostDevices.rtc], "\(HostDevices.rtc): not given to VFIO",
                    "only if you trust guest and device",
                    "run: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
            }
        }

        @Test func `who is not root is told so`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            let process = try MartletProcess(["bind", HostDevices.rtc], .init(user: 1000))

            #expect(try process.waitForEnd() == 1)
            for text in [
                "\(HostDevices.rtc): not given to VFIO", "EACCES", "run martlet as root", "rtc-pl031, as before",
            ] {
                #expect(process.errors.contains(text), "\"\(text)\" is not in: \(process.errors)")
            }
            #expect(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")
        }

        /// All or none, as far as that can be told before.
        @Test func `one refusal keeps the others from being touched`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            try HostDevices.unbind(HostDevices.gpio)
            try withoutNoIOMMUMode {
                try expectRefusal(["bind", HostDevices.gpio, HostDevices.rtc], "\(HostDevices.rtc): not given to VFIO")
            }
            try expectRefusal(["bind", HostDevices.gpio, "nothing"], "nothing: no such device")
        }

        @Test func `what a guest has is not released`() throws {
            let guest = try Guest(.flat("spin", devices: [.init(HostDevices.gpio)]))
            try guest.process.waitForOutput("A")

            try expectRefusal(
                ["release", HostDevices.gpio], "\(HostDevices.gpio): not released",
                "another process uses its group", "run: fuser -v /dev/vfio/")

            #expect(guest.process.isRunning)
            guest.process.signal(SIGTERM)
            #expect(try guest.finish().status == 143)
            try martlet("release", HostDevices.gpio)
        }

        /// No driver of the host wants an empty transport, so that one which is told to have it does not take it.
        @Test func `a release that fails says where the device is`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            try martlet("bind", HostDevices.rtc)
            let note = "/run/martlet/former-drivers/amba-\(HostDevices.rtc)"
            #expect(Host.text(note) == "driver=rtc-pl031")
            try Host.write("driver=none-such\n", to: note)

            try expectRefusal(
                ["release", HostDevices.rtc], "\(HostDevices.rtc): not released", "ENOENT",
                "the driver is no longer in the kernel", "its driver is vfio-amba, as before")

            try expectUsable(HostDevices.rtc)
            try Host.write("driver=rtc-pl031\n", to: note)
            try martlet("release", HostDevices.rtc)
        }

        @Test func `check tells all that a device needs`() throws {
            let console = try #require(
                try records().first { $0.verdict.reasons.contains { $0.hasPrefix("it is the host's console (") } })
            try HostDevices.giveToHost(HostDevices.rtc)
            let folder = try TemporaryFolder()
            let file = try GuestConfiguration.flat(
                "poweroff", devices: [.init(console.name), .init(HostDevices.rtc), .init(HostDevices.gpio)]
            ).write(to: folder)
            try withoutNoIOMMUMode {
                let errors = try martlet("check", file, status: 1).errors
                for text in [
                    "martlet: \(console.name): not given to VFIO", "it is the console of the host's kernel",
                    "martlet: \(HostDevices.rtc): not given to VFIO", "enable_unsafe_noiommu_mode",
                    "run: martlet bind \(HostDevices.rtc)",
                ] {
                    #expect(errors.contains(text), "\"\(text)\" is not in: \(errors)")
                }
                #expect(!errors.contains(HostDevices.gpio))
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// Devices that can't be had: each error says which, why and what to do, and leaves the device usable.
    @Suite(.onEmulatedHost)
    struct DeviceErrorTests {
        private func guest(_ device: GuestConfiguration.Device) -> GuestConfiguration {
            .flat("poweroff", devices: [device])
        }

        @Test func `unknown device gets near names`() throws {
            try expectRefusal(
                guest("9010000.pl013"), "9010000.pl013: no such device on the platform or AMBA bus",
                "did you mean ", HostDevices.rtc)
            try expectRefusal(guest("nothing"), "nothing: no such device", "ls /sys/bus/platform/devices")
        }

        /// Of `run`, `check` and `bind` each says at once that no guest can have it, and none that something would
        /// help.
        @Test(arguments: [
            ("timer", "can't be passed through", "it is the CPUs' timer"),
            ("psci", "can't be passed through", "it is the host's firmware"),
            ("memory", "not a device", "it is the host's memory: set machine-config.mem_size_mib"),
            ("cpus", "not a device", "it is the host's CPUs: set machine-config.vcpu_count"),
            ("intc", "not a device", "it is part of the host's interrupt controller"),
            ("chosen", "not a device", "the kernel creates no device for this node"),
        ]) func `what no guest can have`(name: String, what: String, reason: String) throws {
            let folder = try TemporaryFolder()
            let configuration = try guest(.init(name)).write(to: folder)
            for arguments in [["run", configuration], ["check", configuration], ["bind", name]] {
                let process = try MartletProcess(arguments)
                #expect(try process.waitForEnd() == 1, "\(process.transcript)")
                let lines = process.errors.split(separator: "\n")
                #expect(lines.first == "martlet: \(name): \(what)", "\(arguments): \(process.errors)")
                #expect(lines.dropFirst().first?.hasPrefix("  \(reason)") == true, "\(arguments): \(process.errors)")
                #expect(!process.errors.contains("noiommu"), "\(arguments): \(process.errors)")
            }
        }

        @Test func `unknown folder`() throws {
            try expectRefusal(
                guest(.init(sysfsdev: "/sys/bus/amba/devices/nothing")), "/sys/bus/amba/devices/nothing: no such device"
            )
            try expectRefusal(guest(.init(sysfsdev: "/dev/null")), "/dev/null: not a path in /sys")
        }

        @Test func `device that the host uses`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            try #require(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")

            let errors = try expectRefusal(
                guest(.init(HostDevices.rtc)), "\(HostDevices.rtc): no VFIO group",
                "the host driver rtc-pl031 still owns the device")

            // The host still has its clock, and the commands that the message gives hand it over.
            #expect(HostDevices.driver(of: HostDevices.rtc) == "rtc-pl031")
            try runCommands(in: errors)
            try expectUsable(HostDevices.rtc)
        }

        @Test func `device without driver`() throws {
            try HostDevices.unbind(HostDevices.gpio)

            let errors = try expectRefusal(
                guest(.init(HostDevices.gpio)), "\(HostDevices.gpio): no VFIO group", "no driver has the device")

            try runCommands(in: errors)
            try expectUsable(HostDevices.gpio)
        }

        @Test func `device in no group`() throws {
            let mode = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
            try HostDevices.unbind(HostDevices.virtio)
            try Host.write("N", to: mode)
            defer { try? Host.write("Y", to: mode) }

            let errors = try expectRefusal(
                guest(.init(HostDevices.virtio)), "\(HostDevices.virtio): no IOMMU group",
                "only if you trust guest and device"
            )

            try runCommands(in: errors)
            #expect(Host.text(mode) == "Y")
            try expectUsable(HostDevices.virtio)
        }

        @Test(arguments: [HostDevices.rtc, HostDevices.gpio]) func `device that another Martlet uses`(name: String)
            throws
        {
            let first = try Guest(.flat("spin", devices: [.init(name)]))
            try first.process.waitForOutput("A")

            // The first one has a device behind an IOMMU by its own file, which a second one may open, too.
            let call = name == HostDevices.gpio ? "VFIO_DEVICE_BIND_IOMMUFD failed: EINVAL" : "open /dev/vfio/"
            try expectRefusal(guest(.init(name)), "\(name): \(call)", "another process uses the", "fuser -v /dev/vfio")
            var byGroup = guest(.init(name))
            byGroup.vfio = "group"
            try expectRefusal(byGroup, "\(name): open /dev/vfio/", "EBUSY", "another process uses the group", "fuser")

            // The first one has noticed nothing.
            #expect(first.process.isRunning)
            first.process.signal(SIGTERM)
            #expect(try first.finish().status == 143)
            try expectUsable(name)
        }

        @Test func `device whose group another process has open`() throws {
            do {
                let group = try Descriptor(try HostDevices.groupFile(of: HostDevices.gpio), O_RDWR)
                _ = try withExtendedLifetime(group) {
                    try expectRefusal(
                        guest(.init(HostDevices.gpio)), HostDevices.gpio, "VFIO_DEVICE_BIND_IOMMUFD", "EBUSY",
                        "another process uses a device of the group")
                }
            }
            try expectUsable(HostDevices.gpio)
        }

        /// The same device by two names that don't look alike.
        @Test func `device listed twice under two names`() throws {
            let configuration = GuestConfiguration.flat(
                "poweroff", devices: [.init(HostDevices.rtc), .init(sysfsdev: try alias(of: HostDevices.rtc))])

            try expectRefusal(configuration, "\(HostDevices.rtc): listed twice")

            try expectUsable(HostDevices.rtc)
        }

        @Test func `device of another bus`() throws {
            let devices = try FileManager.default.contentsOfDirectory(atPath: "/sys/bus/pci/devices")
            let path = "/sys/bus/pci/devices/\(try #require(devices.min()))"

            try expectRefusal(
                guest(.init(sysfsdev: path)), "\(path): a device of the pci bus",
                "only devices of the platform and the AMBA")
        }

        @Test func `folder that is no device`() throws {
            try expectRefusal(guest(.init(sysfsdev: "/sys/kernel")), "/sys/kernel: not a device")
        }

        /// A device that fails takes those before it down with it.
        @Test func `first device is given back when second fails`() throws {
            try HostDevices.unbind(HostDevices.gpio)

            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc), .init(HostDevices.gpio)]), "\(HostDevices.gpio): ")

            try HostDevices.bindAll()
            try expectUsable(HostDevices.rtc, HostDevices.gpio)
        }

        /// A link to the device's folder under another name.
        private func alias(of device: String) throws -> String {
            let folder = "\(HostDevices.folder(device))/vfio-dev"
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
            return "\(folder)/\(name)/device"
        }

        /// Runs each line "run: COMMAND" of a message.
        private func runCommands(in errors: String) throws {
            let commands = errors.split(separator: "\n").compactMap { line -> String? in
                guard let start = line.firstRange(of: "run: ") else { return nil }
                return String(line[start.upperBound...])
            }
            try #require(!commands.isEmpty)
            // The messages say "martlet" as for one that is installed.
            let path =
                "PATH=\(Host.martlet.prefix(upTo: Host.martlet.lastIndex(of: "/") ?? Host.martlet.startIndex)):$PATH"
            let script = ([path] + commands).joined(separator: "\n")
            let shell = try MartletProcess(["-ec", script], program: "/bin/sh")
            #expect(try shell.waitForEnd() == 0, "\(commands): \(shell.transcript)")
        }
    }
}

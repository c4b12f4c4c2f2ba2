// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// Devices behind the IOMMU: both ways of the kernel, what they reach, and what stays of them.
    @Suite(.onEmulatedHost)
    struct DMATests {
        private func poweroff(_ vfio: String?, _ devices: GuestConfiguration.Device...) -> GuestConfiguration {
            var configuration = GuestConfiguration.flat("poweroff", devices: devices)
            configuration.vfio = vfio
            return configuration
        }

        /// How many pages of the host are pinned for DMA, and how often pinning began (mm/gup.c).
        private static func pinnedPages() throws -> (now: Int, ever: Int) {
            func count(_ name: String) throws -> Int {
                let line = Host.text("/proc/vmstat").split(separator: "\n").first { $0.hasPrefix(name + " ") }
                return try #require(line?.split(separator: " ").last.flatMap { Int($0) })
            }
            // Each CPU keeps a part of the counts to itself until it is asked.
            try Host.write("1", to: "/proc/sys/vm/stat_refresh")
            let acquired = try count("nr_foll_pin_acquired")
            return (acquired - (try count("nr_foll_pin_released")), acquired)
        }

        private func status(_ process: MartletProcess, _ key: String) throws -> Int {
            let lines = Host.text("/proc/\(process.processNumber)/status").split(separator: "\n")
            return try #require(
                lines.first { $0.hasPrefix(key + ":") }?.split { !$0.isNumber }.first.flatMap { Int($0) })
        }

        @Test(arguments: [("cdev", "iommufd"), ("group", "container"), (nil, "iommufd")])
        func `device is opened the way that is asked for`(vfio: String?, through: String) throws {
            let result = try Guest.run(poweroff(vfio, .init(HostDevices.gpio), .init(HostDevices.rtc)))

            #expect(result.status == 0, "\(result.errors)")
            let device = try #require(try result.report.device(HostDevices.gpio))
            #expect(device.dma.mode == "iommu")
            #expect(device.dma.through == through)
            #expect(device.dma.reaches == "guest RAM")
            #expect(device.dma.groupOthers == [])
            #expect(device.dma.streamIds == [0xFF00])
            // The host allows unsafe interrupts, so that nobody knows.
            #expect(device.dma.interruptsIsolated == nil)
            #expect(
                result.errors.contains(
                    "  dma: iommu (group \(device.group), alone in it, \(through)), reaches guest RAM only; "
                        + "interrupt isolation unknown; stream 0xff00\n"), "\(result.errors)")
            let free = try #require(try result.report.device(HostDevices.rtc))
            #expect(free.dma.mode == "untranslated" && free.dma.through == nil)
            #expect(free.dma.reaches == "all host memory")
            #expect(free.reset.by == "recipe" && free.resetFailure == nil)
            #expect(result.errors.contains("  reset: by Martlet's recipe for arm,pl031\n"), "\(result.errors)")
        }

        /// Pages are pinned for as long as the guest runs, and for a device that is to do no DMA none are.
        @Test(arguments: ["cdev", "group"], ["auto", "none"])
        func `memory is pinned where DMA is to reach it`(vfio: String, dma: String) throws {
            let before = try Self.pinnedPages()
            var device = GuestConfiguration.Device(HostDevices.gpio)
            device.dma = dma
            var configuration = GuestConfiguration.flat("spin", devices: [device])
            configuration.vfio = vfio
            let guest = try Guest(configuration)
            try guest.process.waitForOutput("A")

            let pages = try Self.pinnedPages().now - before.now
            // Root's memory counts as locked by the container, and as pinned by the iommufd.
            let kibibytes = try status(guest.process, vfio == "group" ? "VmLck" : "VmPin")

            guest.process.signal(SIGTERM)
            let result = try guest.finish(patience: 20)
            let expected = dma == "none" ? 0 : 16 << 20
            #expect(pages == expected / 4096)
            #expect(kibibytes == expected / 1024)
            #expect(try Self.pinnedPages().now == before.now)
            #expect(try result.report.devices.map(\.dma.mode) == [dma == "none" ? "none" : "iommu"])
            #expect(try result.report.devices.map(\.dma.reaches) == [dma == "none" ? "nothing" : "guest RAM"])
        }

        @Test func `check says what DMA reaches`() throws {
            let folder = try TemporaryFolder()
            var quiet = GuestConfiguration.Device(HostDevices.isolatedVirtio)
            quiet.dma = "none"
            let file = try poweroff(nil, .init(HostDevices.gpio), quiet).write(to: folder)

            let process = try MartletProcess(["check", file])

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
            #expect(process.output.contains(", alone in it, iommufd), reaches guest RAM only; "), "\(process.output)")
            #expect(process.output.contains("  dma: none (group "), "\(process.output)")
            #expect(process.output.contains(", alone in it, iommufd), reaches nothing; "), "\(process.output)")
        }

        @Test func `dma that cannot be is refused`() throws {
            var device = GuestConfiguration.Device(HostDevices.rtc)
            device.dma = "iommu"
            try expectRefusal(
                poweroff(nil, device), "\(HostDevices.rtc): dma is \"iommu\", but the device has no IOMMU",
                "set dma to \"none\"")
            try expectUsable(HostDevices.rtc)
        }

        @Test func `device without reset is refused where one is required`() throws {
            var device = GuestConfiguration.Device(HostDevices.isolatedVirtio)
            device.requiresReset = true
            try expectRefusal(
                poweroff(nil, device),
                "\(HostDevices.isolatedVirtio): require_reset is set, but nothing resets the device: the host's kernel can't "
                    + "reset it, and Martlet has no recipe for virtio,mmio")
            try expectUsable(HostDevices.isolatedVirtio)
            // A recipe is as good.
            device = GuestConfiguration.Device(HostDevices.gpio)
            device.requiresReset = true
            #expect(try Guest.run(poweroff(nil, device)).status == 0)
        }

        @Test func `host without iommufd`() throws {
            try #require(rename("/dev/iommu", "/dev/iommu.away") == 0)
            defer { rename("/dev/iommu.away", "/dev/iommu") }

            try expectRefusal(
                poweroff("cdev", .init(HostDevices.gpio)), "\(HostDevices.gpio): open /dev/iommu failed: ENOENT",
                "the kernel has /dev/iommu, but this /dev lacks it (a container?)", "--device /dev/iommu")

            let result = try Guest.run(poweroff(nil, .init(HostDevices.gpio)))
            #expect(result.status == 0, "\(result.errors)")
            #expect(try result.report.devices.map(\.dma.through) == ["container"])
        }

        /// RAM goes where the device can see it; not where it can't, be it asked for.
        @Test(arguments: ["cdev", "group"]) func `addresses that a device cannot use are no RAM`(vfio: String) throws {
            try HostDevices.bind(HostDevices.reservedVirtio)
            let folder = try TemporaryFolder()
            var configuration = poweroff(vfio, .init(HostDevices.reservedVirtio))
            let group = try #require(HostDevices.group(of: HostDevices.reservedVirtio))
            let reason = "group \(group) reserves these addresses (reserved): 0x80000000-0x80ffffff"

            let check = try MartletProcess(["check", try configuration.write(to: folder)])

            #expect(try check.waitForEnd() == 0, "\(check.errors)")
            #expect(check.output.contains("RAM is at 0xc0000000 instead of 0x80000000: \(reason)"), "\(check.output)")
            let result = try Guest.run(configuration)
            #expect(result.status == 0, "\(result.errors)")
            #expect(try result.report.devices.map(\.dma.through) == [vfio == "cdev" ? "iommufd" : "container"])

            configuration.size.ramBase = "0x80000000"
            try expectRefusal(
                configuration,
                "\(HostDevices.reservedVirtio): its DMA can't reach 16 MiB of RAM at 0x80000000: \(reason)",
                "remove machine-config.ram_base")
            configuration.size.ramBase = "0x81000000"
            #expect(try Guest.run(configuration).status == 0)
        }

        /// QEMU's machine isolates no interrupts, which the host was told to accept.
        @Test(arguments: [("cdev", "iommufd"), ("group", "vfio_iommu_type1")])
        func `interrupts that are not isolated are refused unless accepted`(vfio: String, module: String) throws {
            let file = "/sys/module/\(module)/parameters/allow_unsafe_interrupts"
            try Host.write("N", to: file)
            defer { try? Host.write("Y", to: file) }

            try expectRefusal(
                poweroff(vfio, .init(HostDevices.gpio)), "\(HostDevices.gpio): ", "EPERM",
                "the platform doesn't isolate message-signalled interrupts", "run: echo 1 > \(file)")

            try Host.write("1", to: file)
            try expectUsable(HostDevices.gpio)
        }

        @Test func `more mappings than the kernel takes are refused`() throws {
            let file = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
            let limit = Host.text(file)
            try Host.write("0", to: file)
            defer { try? Host.write(limit, to: file) }

            try expectRefusal(
                poweroff("group", .init(HostDevices.gpio)),
                "\(HostDevices.gpio): its DMA needs 1 mappings for the guest's RAM, but the kernel allows 0",
                "run: echo 65535 > \(file)")
        }

        // MARK: Handed in

        /// Any user but root.
        private static let user: UInt32 = 1000

        /// Who has opened what Martlet is started with.
        private final class Launcher {
            private let iommufd: Descriptor
            private let file: Descriptor

            init() throws {
                iommufd = try Descriptor("/dev/iommu", O_RDWR)
                file = try Descriptor(try HostDevices.deviceFile(of: HostDevices.gpio), O_RDWR)
            }

            /// For Martlet they begin at 3.
            var descriptors: [CInt] { [iommufd.rawValue, file.rawValue] }
        }

        /// A guest whose device comes by a launcher's descriptors.
        private func handedIn() -> GuestConfiguration {
            var configuration = poweroff(nil, .init(HostDevices.gpio))
            configuration.iommufd = 3
            configuration.devices[0].descriptor = 4
            return configuration
        }

        /// A launcher with privileges opens what the user may not, and Martlet runs as that user.
        @Test func `ordinary user runs on descriptors that were handed in`() throws {
            let folder = try TemporaryFolder()
            let launcher = try Launcher()
            var configuration = handedIn()
            configuration.source.kernel = try folder.file(
                "kernel", Data(contentsOf: URL(fileURLWithPath: configuration.source.kernel)))
            let options = MartletProcess.Options(
                user: Self.user, locksMemory: true, handed: launcher.descriptors)

            try Host.withMode(0o666, of: "/dev/kvm") {
                let result = try Guest.run(configuration, options)

                #expect(result.status == 0, "\(result.errors)")
                #expect(try result.report.devices.map(\.dma.through) == ["iommufd"])

                // The other way round they are refused, by name.
                configuration.iommufd = 4
                configuration.devices[0].descriptor = 3
                try expectRefusal(
                    configuration, "\(HostDevices.gpio): iommufd_fd 4 is open for /dev/vfio/devices/vfio",
                    "not for iommu",
                    options: options)
                configuration.iommufd = 9
                try expectRefusal(
                    configuration, "\(HostDevices.gpio): fcntl(F_SETFD) of iommufd_fd 9 failed: EBADF",
                    options: options)
            }
        }

        @Test func `limit on locked memory is the launchers to raise`() throws {
            let folder = try TemporaryFolder()
            let launcher = try Launcher()
            var configuration = handedIn()
            configuration.source.kernel = try folder.file(
                "kernel", Data(contentsOf: URL(fileURLWithPath: configuration.source.kernel)))

            try Host.withMode(0o666, of: "/dev/kvm") {
                try expectRefusal(
                    configuration, "\(HostDevices.gpio): its DMA locks all of the guest's RAM, 16777216 bytes",
                    "run: ulimit -l 16384",
                    options: .init(user: Self.user, handed: launcher.descriptors))
            }
        }

        @Test func `check takes descriptors that were handed in`() throws {
            let folder = try TemporaryFolder()
            let launcher = try Launcher()

            let process = try MartletProcess(
                ["check", try handedIn().write(to: folder)],
                .init(handed: launcher.descriptors))

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
        }

        // MARK: Several, and many

        @Test func `two guests with a device each`() throws {
            let guests = try [HostDevices.gpio, HostDevices.isolatedVirtio].map { name in
                let guest = try Guest(.flat("spin", devices: [.init(name)]))
                try guest.process.waitForOutput("A")
                return guest
            }
            #expect(guests.map(\.process.isRunning) == [true, true])
            guests[0].process.signal(SIGTERM)
            #expect(try guests[0].finish().status == 143)
            // The other one's device and memory are none of the first one's.
            #expect(guests[1].process.isRunning)
            #expect(try status(guests[1].process, "VmPin") == 16384)
            try expectUsable(HostDevices.gpio)
            guests[1].process.signal(SIGTERM)
            let result = try guests[1].finish()
            #expect(try result.report.devices.map(\.host) == [HostDevices.isolatedVirtio])
            try expectUsable(HostDevices.isolatedVirtio)
        }

        /// Two at a time, each with a device of its own, one by its file and one by its group.
        @Test func `hundred starts and stops leave nothing pinned`() throws {
            let configurations = [
                poweroff("cdev", .init(HostDevices.sata)), poweroff("group", .init(HostDevices.isolatedVirtio)),
            ]
            try HostDevices.bind(HostDevices.sata)
            let before = try Self.pinnedPages()

            for number in 0..<50 {
                let guests = try configurations.map { try Guest($0) }
                for guest in guests {
                    let result = try guest.finish()
                    try #require(result.status == 0, "start \(number): \(result.errors)")
                }
            }

            let after = try Self.pinnedPages()
            #expect(after.now == before.now)
            #expect(after.ever - before.ever >= 100 * 4096, "each of them pinned its 16 MiB")
            #expect(HostDevices.vfioLines() == [])
            try expectUsable(HostDevices.sata, HostDevices.isolatedVirtio)
        }

        // MARK: Resets

        /// The guest asks for a reset as soon as it runs: ten times it is started again.
        @Test func `guest is started again until it is too much`() throws {
            let before = try Self.pinnedPages()
            var configuration = GuestConfiguration.flat("reset", vcpus: 2, devices: [.init(HostDevices.gpio)])
            configuration.onReset = "restart"

            let result = try Guest.run(configuration)

            #expect(result.status == 3, "\(result.errors)")
            let report = try result.report
            #expect(report.exit.reason == "reset")
            #expect(report.restarts == 10)
            #expect(report.devices.map(\.host) == [HostDevices.gpio])
            #expect(result.errors.contains("more than 10 resets within 60 s"), "\(result.errors)")
            let after = try Self.pinnedPages()
            #expect(after.now == before.now)
            #expect(after.ever - before.ever >= 11 * 4096, "each start has memory of its own")
            try expectUsable(HostDevices.gpio)
        }
    }
}

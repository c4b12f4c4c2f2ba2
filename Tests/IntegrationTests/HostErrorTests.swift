// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// A host that lacks KVM or VFIO, or doesn't let this user have them: an emulated one, whose files' modes may be
    /// changed.
    @Suite(.onEmulatedHost) struct HostErrorTests {
        private static let user: UInt32 = 1000

        @Test func `missing KVM`() throws {
            try expectRefusal(
                .flat("poweroff"), "/dev/kvm: ENOENT",
                "the kernel has KVM, but this /dev lacks /dev/kvm (a container?)",
                "--device /dev/kvm", options: .init(hiddenFolder: "/dev"))
        }

        @Test func `forbidden KVM`() throws {
            try Host.withMode(0o600, of: "/dev/kvm") {
                try expectRefusal(
                    .flat("poweroff"), "/dev/kvm: EACCES", "this user may not open it", "usermod -aG kvm",
                    options: .init(user: Self.user))
            }
        }

        @Test func `ordinary user with KVM boots a guest`() throws {
            let folder = try TemporaryFolder()
            try Host.withMode(0o666, of: "/dev/kvm") {
                let result = try Guest.run(try readable(.flat("first"), folder), .init(user: Self.user))

                #expect(result.status == 0, "\(result.errors)")
                #expect(result.output == "A")
            }
        }

        @Test func `missing VFIO`() throws {
            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc)]), HostDevices.rtc, "/dev/vfio/vfio", "ENOENT",
                "the kernel has /dev/vfio/vfio", "--device /dev/vfio/vfio", options: .init(hiddenFolder: "/dev/vfio"))
            try expectUsable(HostDevices.rtc)
        }

        @Test func `forbidden group`() throws {
            let folder = try TemporaryFolder()
            let file = try HostDevices.groupFile(of: HostDevices.gpio)
            try Host.withMode(0o666, of: "/dev/kvm") {
                try expectRefusal(
                    try readable(.flat("poweroff", devices: [.init(HostDevices.gpio)]), folder), HostDevices.gpio,
                    "open \(file) failed: EACCES", "this user may not open it", "run: chown",
                    options: .init(user: Self.user))
            }
            try expectUsable(HostDevices.gpio)
        }

        /// The group's file may be opened; then comes the limit on locked memory, and then it works.
        @Test func `ordinary user passes device behind IOMMU through`() throws {
            let folder = try TemporaryFolder()
            let configuration = try readable(.flat("poweroff", devices: [.init(HostDevices.gpio)]), folder)
            try Host.withMode(0o666, of: "/dev/kvm") {
                try Host.withMode(0o666, of: try HostDevices.groupFile(of: HostDevices.gpio)) {
                    try expectRefusal(
                        configuration, HostDevices.gpio, "its DMA locks all of the guest's RAM, 16777216 bytes",
                        "LimitMEMLOCK=16777216", "run: ulimit -l 16384",
                        options: .init(user: Self.user))

                    let result = try Guest.run(configuration, .init(user: Self.user, locksMemory: true))

                    #expect(result.status == 0, "\(result.errors)")
                    #expect(try result.report.devices.map(\.isolation) == ["iommu"])
                }
            }
            try expectUsable(HostDevices.gpio)
        }

        /// Without an IOMMU the device can reach all memory: the kernel wants more than the file's permission.
        @Test func `ordinary user needs capability for device without IOMMU`() throws {
            let folder = try TemporaryFolder()
            let configuration = try readable(.flat("poweroff", devices: [.init(HostDevices.rtc)]), folder)
            try Host.withMode(0o666, of: "/dev/kvm") {
                try Host.withMode(0o666, of: try HostDevices.groupFile(of: HostDevices.rtc)) {
                    try expectRefusal(
                        configuration, HostDevices.rtc, "EPERM", "CAP_SYS_RAWIO", "run: setcap cap_sys_rawio+ep",
                        options: .init(user: Self.user))
                }
            }
            try expectUsable(HostDevices.rtc)
        }

        /// From none to enough: whatever call finds no free descriptor, the user is told how to get more.
        @Test func `a process without free descriptors says how to get more`() throws {
            let folder = try TemporaryFolder()
            let configuration = try GuestConfiguration.flat("poweroff", devices: [.init(HostDevices.gpio)])
                .write(to: folder)
            var refusals = 0
            for limit in 3...64 {
                let script = "ulimit -n \(limit) && exec \(Host.martlet) run \(configuration)"
                let process = try MartletProcess(["-c", script], program: "/bin/sh")
                let status = try process.waitForEnd()
                if status == 0 { continue }
                refusals += 1
                #expect(status == 1, "\(limit): \(process.transcript)")
                #expect(process.errors.contains("EMFILE (Too many open files)"), "\(limit): \(process.transcript)")
                #expect(process.errors.contains("run: ulimit -n 4096"), "\(limit): \(process.transcript)")
            }
            // A machine with a device has some two dozen of them.
            #expect((12...60).contains(refusals), "\(refusals)")
            try expectUsable(HostDevices.gpio)
        }

        /// The same guest with its kernel where any user can read it.
        private func readable(_ configuration: GuestConfiguration, _ folder: TemporaryFolder) throws
            -> GuestConfiguration
        {
            var configuration = configuration
            let bytes = try Data(contentsOf: URL(fileURLWithPath: configuration.source.kernel))
            configuration.source.kernel = try folder.file("kernel", bytes)
            return configuration
        }
    }
}

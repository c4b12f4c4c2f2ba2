// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// A host that lacks KVM or VFIO, or doesn't let this user have them.
    @Suite struct HostErrorTests {
        private static let user: UInt32 = 1000

        @Test func missingKVM() throws {
            try expectRefusal(
                .flat("poweroff"), "/dev/kvm: ENOENT", "this kernel has no KVM", "CONFIG_KVM",
                options: .init(hiddenFolder: "/dev"))
        }

        @Test func forbiddenKVM() throws {
            try withMode(0o600, of: "/dev/kvm") {
                try expectRefusal(
                    .flat("poweroff"), "/dev/kvm: EACCES", "this user may not open it", "usermod -aG kvm",
                    options: .init(user: Self.user))
            }
        }

        @Test func ordinaryUserWithKVMBootsAGuest() throws {
            let folder = try TemporaryFolder()
            try withMode(0o666, of: "/dev/kvm") {
                let result = try Guest.run(try readable(.flat("first"), folder), .init(user: Self.user))

                #expect(result.status == 0, "\(result.errors)")
                #expect(result.output == "A")
            }
        }

        @Test(.onEmulatedHost) func missingVFIO() throws {
            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc)]), HostDevices.rtc, "/dev/vfio/vfio", "ENOENT",
                "modprobe vfio", options: .init(hiddenFolder: "/dev/vfio"))
            try expectUsable(HostDevices.rtc)
        }

        @Test(.onEmulatedHost) func forbiddenGroup() throws {
            let folder = try TemporaryFolder()
            let file = try HostDevices.groupFile(of: HostDevices.gpio)
            try withMode(0o666, of: "/dev/kvm") {
                try expectRefusal(
                    try readable(.flat("poweroff", devices: [.init(HostDevices.gpio)]), folder), HostDevices.gpio,
                    "open \(file) failed: EACCES", "this user may not open it", "run: chown",
                    options: .init(user: Self.user))
            }
            try expectUsable(HostDevices.gpio)
        }

        /// The group's file may be opened; then comes the limit on locked memory, and then it works.
        @Test(.onEmulatedHost)
        func ordinaryUserPassesDeviceBehindIOMMUThrough() throws {
            let folder = try TemporaryFolder()
            let configuration = try readable(.flat("poweroff", devices: [.init(HostDevices.gpio)]), folder)
            try withMode(0o666, of: "/dev/kvm") {
                try withMode(0o666, of: try HostDevices.groupFile(of: HostDevices.gpio)) {
                    try expectRefusal(
                        configuration, HostDevices.gpio, "VFIO_IOMMU_MAP_DMA", "ENOMEM", "run: ulimit -l unlimited",
                        options: .init(user: Self.user))

                    let result = try Guest.run(configuration, .init(user: Self.user, locksMemory: true))

                    #expect(result.status == 0, "\(result.errors)")
                    #expect(try result.report.devices.map(\.isolation) == ["iommu"])
                }
            }
            try expectUsable(HostDevices.gpio)
        }

        /// Without an IOMMU the device can reach all memory: the kernel wants more than the file's permission.
        @Test(.onEmulatedHost)
        func ordinaryUserNeedsCapabilityForDeviceWithoutIOMMU() throws {
            let folder = try TemporaryFolder()
            let configuration = try readable(.flat("poweroff", devices: [.init(HostDevices.rtc)]), folder)
            try withMode(0o666, of: "/dev/kvm") {
                try withMode(0o666, of: try HostDevices.groupFile(of: HostDevices.rtc)) {
                    try expectRefusal(
                        configuration, HostDevices.rtc, "EPERM", "CAP_SYS_RAWIO", "run: setcap cap_sys_rawio+ep",
                        options: .init(user: Self.user))
                }
            }
            try expectUsable(HostDevices.rtc)
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

        private func withMode(_ mode: mode_t, of file: String, _ body: () throws -> Void) throws {
            var status = stat()
            try #require(stat(file, &status) == 0)
            try #require(chmod(file, mode) == 0)
            defer { chmod(file, status.st_mode & 0o7777) }
            try body()
        }
    }
}

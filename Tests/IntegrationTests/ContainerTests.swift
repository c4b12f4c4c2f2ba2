// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// What a container's user meets: device files, /sys and memory that the host has and the container hasn't.
    @Suite(.onEmulatedHost) struct ContainerTests {
        // MARK: Files

        @Test func `a container without the device's group is told which files to be given`() throws {
            let node = try HostDevices.groupFile(of: HostDevices.rtc)
            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc)]), "open /dev/vfio/vfio failed: ENOENT",
                "the kernel has /dev/vfio/vfio, but this /dev lacks it (a container?)",
                "--device /dev/vfio/vfio --device \(node)\n", options: .init(hiddenFolder: "/dev/vfio"))
            try expectUsable(HostDevices.rtc)
        }

        /// A /dev with these files and no others.
        private func run(
            _ configuration: GuestConfiguration, onlyDevices devices: [String]
        ) throws -> MartletProcess {
            let folder = try TemporaryFolder()
            let copies = devices.map { "mkdir -p $(dirname /tmp/dev\($0)); cp -a \($0) /tmp/dev\($0);" }
            let process = try MartletProcess(
                [
                    "unshare", "-m", "sh", "-ec",
                    """
                    mount --make-rprivate /
                    mkdir -p /tmp/dev
                    mount -t tmpfs dev /tmp/dev
                    \(copies.joined(separator: "\n"))
                    mount -o bind /tmp/dev/dev /dev
                    exec \(Host.martlet) run \(try configuration.write(to: folder))
                    """,
                ], program: "/bin/busybox")
            try process.waitForEnd()
            return process
        }

        @Test func `a container is told of each file that it lacks, until the guest runs`() throws {
            var configuration = GuestConfiguration.flat("first", devices: [.init(HostDevices.gpio)])
            configuration.vfio = "cdev"
            let file = try HostDevices.deviceFile(of: HostDevices.gpio)
            let null = "/dev/null"

            let first = try run(configuration, onlyDevices: [null])
            #expect(first.errors.contains("start the container with --device /dev/kvm\n"), "\(first.transcript)")
            let second = try run(configuration, onlyDevices: [null, "/dev/kvm"])
            #expect(
                second.errors.contains("start the container with --device /dev/iommu --device \(file)\n"),
                "\(second.transcript)")
            let third = try run(configuration, onlyDevices: [null, "/dev/kvm", "/dev/iommu"])
            #expect(third.errors.contains("start the container with --device \(file)\n"), "\(third.transcript)")
            let last = try run(configuration, onlyDevices: [null, "/dev/kvm", "/dev/iommu", file])
            #expect(last.output == "A", "\(last.transcript)")
            try expectUsable(HostDevices.gpio)
        }

        @Test(arguments: [
            ["devices"], ["devices", HostDevices.rtc], ["bind", HostDevices.rtc], ["release", HostDevices.rtc],
        ]) func `a container without sysfs is told so`(arguments: [String]) throws {
            let process = try MartletProcess(arguments, .init(hiddenFolder: "/sys"))
            #expect(try process.waitForEnd() == 1)
            #expect(process.errors.contains("no sysfs is mounted at /sys\n  run: mount -t sysfs sysfs /sys\n"))
            #expect(process.output.isEmpty)
        }

        @Test func `a guest with devices needs sysfs, and one without doesn't`() throws {
            let options = MartletProcess.Options(hiddenFolder: "/sys")
            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc)]), "\(HostDevices.rtc): no sysfs is mounted at /sys",
                options: options)
            let result = try Guest.run(.flat("first"), options)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "A")
        }

        // MARK: Disks

        /// As a service with mounts of its own, and as a container with processes of its own.
        @Test func `a disk that only the host has mounted stays with the host`() throws {
            let device = HostDevices.sata
            try HostDevices.giveToHost(device)
            let disk = try HostDevices.disk(of: device)
            let folder = try TemporaryFolder()
            try #require(mount("/dev/\(disk)", folder.path, "tmpfs", 0, nil) == 0)
            do {
                defer { umount(folder.path) }
                let forget = "umount \(folder.path); exec \(Host.martlet) bind \(device)"
                for (namespaces, prepare, text) in [
                    (["-m"], "", "\(disk) is on it and mounted at \(folder.path)\n"),
                    (
                        ["-m", "-p", "-f"], "mount -t proc proc /proc; ",
                        "\(disk) is on it and may be in use: this process can't see the host's mounts "
                            + "(a container?)\n  run the command as root on the host itself\n"
                    ),
                ] {
                    let process = try MartletProcess(
                        ["unshare"] + namespaces + ["sh", "-ec", "mount --make-rprivate /; \(prepare)\(forget)"],
                        program: "/bin/busybox")
                    #expect(try process.waitForEnd() == 1, "\(process.transcript)")
                    #expect(process.errors.contains("\(device): not given to VFIO\n"), "\(process.transcript)")
                    #expect(process.errors.contains(text), "\(process.transcript)")
                    #expect(HostDevices.driver(of: device) == "ahci")
                }
            }
            try HostDevices.bind(device)
            try expectUsable(device)
        }

        // MARK: Memory

        /// A control group with a limit, which goes at the end.
        private struct Group: ~Copyable {
            let path: String

            init(_ name: String, limit: String) throws {
                path = "/sys/fs/cgroup/\(name)"
                try Host.write("+memory", to: "/sys/fs/cgroup/cgroup.subtree_control")
                try #require(mkdir(path, 0o755) == 0)
                try Host.write(limit, to: "\(path)/memory.max")
            }

            deinit { rmdir(path) }

            func run(_ arguments: [String]) throws -> MartletProcess {
                let command = ([Host.martlet] + arguments).joined(separator: " ")
                let process = try MartletProcess(
                    ["-ec", "echo $$ > \(path)/cgroup.procs; exec \(command)"], program: "/bin/sh")
                try process.waitForEnd()
                return process
            }

            func events(_ name: String) -> Int? {
                Host.text("\(path)/memory.events").split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                    .flatMap { Int($0.dropFirst(name.count + 1)) }
            }
        }

        @Test func `a guest that is larger than its control group may be is refused, with what helps`() throws {
            let folder = try TemporaryFolder()
            let config = try GuestConfiguration.flat("first", mebibytes: 128).write(to: folder)
            let group = try Group("martlet-small", limit: "64M")
            for command in ["check", "run"] {
                let process = try group.run([command, config])
                #expect(try process.waitForEnd() == 1)
                #expect(
                    process.errors.contains(
                        """
                        machine-config.mem_size_mib: the guest needs 128 MiB and Martlet 17 MiB, but the \
                        control group of this process allows 64 MiB (/sys/fs/cgroup/martlet-small/memory.max)
                        """), "\(process.errors)")
                let remedy = try #require(
                    process.errors.split(separator: "\n").first { $0.hasPrefix("  run: ") }?.dropFirst("  run: ".count))
                #expect(remedy == "echo 145M > /sys/fs/cgroup/martlet-small/memory.max")
            }
            // What it says helps.
            try Host.write("145M", to: "\(group.path)/memory.max")
            let process = try group.run(["run", config])
            #expect(try process.waitForEnd() == 0)
            #expect(process.output == "A")
        }

        /// For its devices all of RAM is there at once.
        @Test func `what is said to be needed is enough for all of RAM`() throws {
            let folder = try TemporaryFolder()
            for mebibytes in [16, 256] {
                let config = try GuestConfiguration.flat(
                    "first", mebibytes: mebibytes, devices: [.init(HostDevices.gpio)]
                ).write(to: folder)
                let needed = mebibytes + 16 + (mebibytes * 3 + 511) / 512
                let group = try Group("martlet-enough", limit: "\(needed)M")
                let process = try group.run(["run", config])
                let peak = Int(Host.text("\(group.path)/memory.peak")) ?? 0
                #expect(process.output == "A", "\(process.transcript)")
                #expect(group.events("max") == 0, "the group's memory was reclaimed, peak \(peak)")
                #expect(peak > mebibytes << 20 && peak <= needed << 20, "peak \(peak)")
                let more = (peak - (mebibytes << 20)) >> 10
                print("memory.peak with \(mebibytes) MiB of RAM: \(peak >> 10) KiB, \(more) more")
            }
            try expectUsable(HostDevices.gpio)
        }
    }
}

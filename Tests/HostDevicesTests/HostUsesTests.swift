// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing

@Suite struct HostUsesTests {
    private let kernel = FakeKernel()
    private var sysfs: Sysfs { Sysfs(system: kernel) }
    private var proc: Sysfs { Sysfs(root: "/proc", system: kernel) }

    init() {
        kernel.addIdleHost()
        kernel.addHostDevice("1000.uart", driver: "of_serial", properties: ["compatible": []])
        kernel.addHostDevice("2000.sata", driver: "ahci")
        kernel.addHostDevice("2000.sata2", driver: "ahci")
    }

    private func uses(_ name: String) throws -> [HostUses.Use] {
        try HostUses(sysfs: sysfs, proc: proc).uses(of: try HostDevice(host: name, sysfs: sysfs))
    }

    /// A disk behind a device, or one in nothing but memory.
    private func addDisk(_ name: String, _ number: String, behind device: String?, parent: String? = nil) {
        let home = device.map { "platform/\($0)/ata1/block" } ?? "virtual/block"
        let folder = home + (parent.map { "/\($0)" } ?? "") + "/\(name)"
        kernel.withState { state in
            state.links["/sys/dev/block/\(number)"] = "../../devices/\(folder)"
            state.links["/sys/class/block/\(name)"] = "../../devices/\(folder)"
        }
    }

    private func mount(_ lines: String...) {
        kernel.addFile("/proc/self/mountinfo", lines.map { $0 + "\n" }.joined())
    }

    // MARK: Consoles

    @Test func `an idle host uses nothing`() throws {
        #expect(try uses("1000.uart").isEmpty)
        #expect(try uses("2000.sata").isEmpty)
    }

    /// Linux 6.7 put a serial port between the UART and its tty.
    @Test(arguments: ["tty/ttyS0", "1000.uart:0/1000.uart:0.0/tty/ttyS0"])
    func `the consoles UART is used`(folder: String) throws {
        kernel.addFile("/proc/consoles", "tty0     -WU (E     )    4:1\nttyS0                -W- (EC p a)    4:64\n")
        kernel.withState { state in
            state.links["/sys/class/tty/ttyS0"] = "../../devices/platform/1000.uart/\(folder)"
            state.links["/sys/class/tty/tty0"] = "../../devices/virtual/tty/tty0"
        }
        #expect(try uses("1000.uart") == [.console("ttyS0")])
        #expect(try uses("2000.sata").isEmpty)
    }

    @Test func `another ports TTY is no console`() throws {
        kernel.addFile("/proc/consoles", "ttyS1                -W- (EC p a)    4:65\n")
        kernel.withState { $0.links["/sys/class/tty/ttyS0"] = "../../devices/platform/1000.uart/tty/ttyS0" }
        #expect(try uses("1000.uart").isEmpty)
    }

    @Test func `a virtio console is found by its ports`() throws {
        kernel.addFile("/proc/consoles", "hvc0                 -W- (EC p  )  229:0\n")
        kernel.withState { state in
            state.links["/sys/class/tty/hvc0"] = "../../devices/virtual/tty/hvc0"
            state.links["/sys/class/virtio-ports/vport0p0"] =
                "../../devices/platform/1000.uart/virtio0/virtio-ports/vport0p0"
        }
        #expect(try uses("1000.uart") == [.console("hvc0")])
    }

    @Test(arguments: ["/soc/1000.uart\0", "/soc/1000.uart:115200n8\0", "serial0:115200\0", "serial0\0"])
    func `the boot console is where the tree says`(path: String) throws {
        kernel.addFile("/proc/consoles", "pl11                 -W- (EB  p  )\n")
        kernel.addFile("/sys/firmware/devicetree/base/chosen/stdout-path", path)
        kernel.addFile("/sys/firmware/devicetree/base/aliases/serial0", "/soc/1000.uart\0")
        let node = "/sys/firmware/devicetree/base/soc/1000.uart"
        #expect(try uses("1000.uart") == [.bootConsole(node)])
        // Without a boot console the path is only what the firmware used.
        kernel.addFile("/proc/consoles", "tty0     -WU (E     )    4:1\n")
        #expect(try uses("1000.uart").isEmpty)
    }

    // MARK: File systems

    @Test func `the root file systems controller is used`() throws {
        addDisk("sda2", "8:2", behind: "2000.sata", parent: "sda")
        mount("22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/root rw")
        #expect(try uses("2000.sata") == [.rootFileSystem("sda2")])
        // Its name is the beginning of another's.
        #expect(try uses("2000.sata2").isEmpty)
        #expect(try uses("1000.uart").isEmpty)
    }

    @Test func `every other file system counts once`() throws {
        addDisk("sda", "8:0", behind: "2000.sata2")
        mount(
            "1 1 0:2 / / rw - rootfs none rw", "30 1 8:0 / /my\\040data rw - ext4 /dev/sda rw",
            "31 1 8:0 /sub /elsewhere rw - ext4 /dev/sda rw", "broken", "32 1 8:0")
        #expect(try uses("2000.sata2") == [.fileSystem("sda", mountPoint: "/my data")])
        #expect(try uses("2000.sata").isEmpty)
    }

    /// The root may come after another mount of the same disk.
    @Test func `the root is found behind another mount`() throws {
        addDisk("sda", "8:0", behind: "2000.sata")
        mount("30 1 8:0 /boot /boot rw - ext4 /dev/sda rw", "31 1 8:0 / / rw - ext4 /dev/sda rw")
        #expect(try uses("2000.sata").contains(.rootFileSystem("sda")))
    }

    /// LVM on a partition of a RAID of two disks.
    @Test func `what a device is made of is used`() throws {
        addDisk("dm-0", "253:0", behind: nil)
        addDisk("md0p1", "259:1", behind: nil, parent: "md0")
        addDisk("sda", "8:0", behind: "2000.sata")
        addDisk("sdb", "8:16", behind: "2000.sata2")
        kernel.withState { state in
            let block = "/sys/devices/virtual/block"
            state.links["\(block)/dm-0/slaves/md0p1"] = "../../md0/md0p1"
            state.links["\(block)/md0/slaves/sda"] = "../../../../platform/2000.sata/ata1/block/sda"
            state.links["\(block)/md0/slaves/sdb"] = "../../../../platform/2000.sata2/ata1/block/sdb"
            // A circle, which no kernel makes.
            state.links["\(block)/md0/slaves/dm-0"] = "../../dm-0"
        }
        mount("22 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw")
        #expect(try uses("2000.sata") == [.rootFileSystem("dm-0")])
        #expect(try uses("2000.sata2") == [.rootFileSystem("dm-0")])
    }

    @Test func `a file system with a made up number is found by its source`() throws {
        addDisk("dm-3", "253:3", behind: "2000.sata")
        kernel.withState { $0.links["/dev/mapper/data"] = "../dm-3" }
        mount(
            "22 1 0:30 /@ /data rw - btrfs /dev/mapper/data rw,subvol=/@", "23 1 0:31 / /net rw - nfs4 host:/dm-3 rw")
        #expect(try uses("2000.sata") == [.fileSystem("dm-3", mountPoint: "/data")])
    }

    @Test func `swap space is used`() throws {
        addDisk("sda3", "8:3", behind: "2000.sata", parent: "sda")
        kernel.addFile(
            "/proc/swaps",
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda3                               "
                + "partition\t1048572\t\t0\t\t-2\n/swapfile   file\t12\t\t0\t\t-3\n")
        #expect(try uses("2000.sata") == [.swap("/dev/sda3")])
    }

    // MARK: What can't be told

    @Test func `not to know the mounts is an error`() throws {
        kernel.withState { $0.files["/proc/self/mountinfo"] = nil }
        #expect(
            throws: HostDeviceError.sysfs(
                device: "the host", path: "/proc/self/mountinfo", errno: .noSuchFileOrDirectory)
        ) { try HostUses(sysfs: sysfs, proc: proc) }
    }

    /// Whatever of the host can't be read: an error, or the same answer.
    @Test func `no use is lost to an error of the kernel`() throws {
        addDisk("sda", "8:0", behind: "2000.sata")
        mount("22 1 8:0 / / rw - ext4 /dev/sda rw")
        kernel.addFile("/proc/consoles", "ttyS0                -W- (EC p a)    4:64\n")
        kernel.withState { $0.links["/sys/class/tty/ttyS0"] = "../../devices/platform/1000.uart/tty/ttyS0" }
        let devices = try ["1000.uart", "2000.sata"].map { try HostDevice(host: $0, sysfs: sysfs) }
        let start = kernel.withState { $0.callCount }
        let uses = try HostUses(sysfs: sysfs, proc: proc)
        let count = kernel.withState { $0.callCount } - start
        #expect(devices.map { uses.uses(of: $0) } == [[.console("ttyS0")], [.rootFileSystem("sda")]])
        try #require(count > 5)
        for call in 1...count {
            kernel.withState { state in
                state.failingCall = state.callCount + call
                state.failure = .ioError
            }
            #expect(throws: HostDeviceError.self, "call \(call)") { try HostUses(sysfs: sysfs, proc: proc) }
        }
    }

    /// The ways that are taken where a tty or a disk has no plain name.
    @Test(arguments: [Errno.ioError, .permissionDenied])
    func `no hidden use is lost to an error of the kernel`(errno: Errno) throws {
        addDisk("dm-0", "253:0", behind: nil)
        addDisk("sda", "8:0", behind: "2000.sata")
        kernel.withState { state in
            state.links["/sys/devices/virtual/block/dm-0/slaves/sda"] =
                "../../../../platform/2000.sata/ata1/block/sda"
            state.links["/dev/mapper/root"] = "../dm-0"
            state.links["/sys/class/virtio-ports/vport0p0"] =
                "../../devices/platform/2000.sata2/virtio0/virtio-ports/vport0p0"
            state.links["/sys/class/tty/hvc0"] = "../../devices/virtual/tty/hvc0"
        }
        mount("22 1 0:30 /@ / rw - btrfs /dev/mapper/root rw,subvol=/@")
        kernel.addFile("/proc/consoles", "hvc0        -W- (EC p  )  229:0\npl11        -W- (EB  p  )\n")
        kernel.addFile("/proc/swaps", "Filename Type Size Used Priority\n/dev/mapper/root partition 1 0 -2\n")
        kernel.addFile("/sys/firmware/devicetree/base/chosen/stdout-path", "serial0:115200\0")
        kernel.addFile("/sys/firmware/devicetree/base/aliases/serial0", "/soc/1000.uart\0")
        let devices = try ["1000.uart", "2000.sata", "2000.sata2"].map { try HostDevice(host: $0, sysfs: sysfs) }
        let start = kernel.withState { $0.callCount }
        let uses = try HostUses(sysfs: sysfs, proc: proc)
        let count = kernel.withState { $0.callCount } - start
        #expect(
            devices.map { uses.uses(of: $0) } == [
                [.bootConsole("/sys/firmware/devicetree/base/soc/1000.uart")],
                [.rootFileSystem("dm-0"), .swap("/dev/mapper/root")], [.console("hvc0")],
            ])
        try #require(count > 15)
        for call in 1...count {
            kernel.withState { state in
                state.failingCall = state.callCount + call
                state.failure = errno
            }
            let found = try? HostUses(sysfs: sysfs, proc: proc)
            guard let found else { continue }
            // Who may not see the host's first process takes each disk for one in use.
            #expect(errno == .permissionDenied, "call \(call)")
            #expect(kernel.withState { $0.failedCall } == "read /proc/1/mountinfo", "call \(call)")
            for device in devices {
                let seen = found.uses(of: device)
                #expect(uses.uses(of: device).allSatisfy(seen.contains), "call \(call)")
            }
        }
    }

    /// A service with mounts of its own, on a host that has others.
    @Test func `the mounts of the host's first process count`() throws {
        addDisk("sda2", "8:2", behind: "2000.sata", parent: "sda")
        kernel.addFile("/proc/1/mountinfo", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n")
        #expect(try uses("2000.sata") == [.rootFileSystem("sda2")])
    }

    @Test(arguments: [true, false])
    func `a disk is in use when the host's mounts can't be seen`(isContainer: Bool) throws {
        addDisk("sda", "8:0", behind: "2000.sata")
        addDisk("sda2", "8:2", behind: "2000.sata", parent: "sda")
        #expect(try uses("2000.sata").isEmpty)
        if isContainer {
            kernel.withState { $0.links["/proc/self/ns/pid"] = "pid:[4026532000]" }
        } else {
            kernel.withState { $0.files["/proc/1/mountinfo"] = nil }
        }
        #expect(try uses("2000.sata") == [.unseen("sda")])
        #expect(try uses("2000.sata2").isEmpty)
        #expect(try uses("1000.uart").isEmpty)
    }

    @Test func `reads the real host`() throws {
        let kernel = LinuxKernel()
        _ = try HostUses(sysfs: Sysfs(system: kernel), proc: Sysfs(root: "/proc", system: kernel))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import KernelFakes
import LinuxSystem
import Testing

@Suite struct ControlGroupsTests {
    private let kernel = FakeKernel()
    private var limit: ControlGroups.Limit? {
        get throws { try ControlGroups(kernel).limit(of: .memory) }
    }

    private func add(_ files: [String: String]) { for (path, text) in files { kernel.addFile(path, text) } }

    private func inGroup(_ text: String) { kernel.addFile("/proc/self/cgroup", text) }

    // MARK: Version 2

    @Test func `without control groups there is no limit`() throws {
        #expect(try limit == nil)
        inGroup("0::/\n")
        #expect(try limit == nil)
        // The root of all groups has no such file.
        kernel.addFile("/sys/fs/cgroup/cgroup.procs", "")
        #expect(try limit == nil)
    }

    @Test func `the limit of the own group counts`() throws {
        inGroup("0::/system.slice/vm.service\n")
        add(["/sys/fs/cgroup/system.slice/vm.service/memory.max": "1073741824\n"])
        #expect(
            try limit
                == .init(path: "/sys/fs/cgroup/system.slice/vm.service/memory.max", bytes: 1 << 30))
    }

    @Test func `the lowest limit above counts, and of two the nearest`() throws {
        inGroup("0::/a/b/c\n")
        add([
            "/sys/fs/cgroup/a/b/c/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.max": "4096\n",
            "/sys/fs/cgroup/a/memory.max": "8192\n",
        ])
        #expect(try limit == .init(path: "/sys/fs/cgroup/a/b/memory.max", bytes: 4096))
        add(["/sys/fs/cgroup/a/memory.max": "4095\n"])
        #expect(try limit == .init(path: "/sys/fs/cgroup/a/memory.max", bytes: 4095))
        add(["/sys/fs/cgroup/a/memory.max": "4096\n"])
        #expect(try limit == .init(path: "/sys/fs/cgroup/a/b/memory.max", bytes: 4096))
    }

    /// A container in a namespace of its own sees its group as the root.
    @Test(arguments: ["0::/\n", "0::/../other\n"]) func `a container's root has its limit`(text: String) throws {
        inGroup(text)
        add(["/sys/fs/cgroup/memory.max": "536870912\n"])
        #expect(try limit == .init(path: "/sys/fs/cgroup/memory.max", bytes: 512 << 20))
    }

    @Test func `groups in another place are found by the mounts`() throws {
        inGroup("0::/vm\n")
        kernel.addFile(
            "/proc/self/mountinfo",
            """
            22 1 8:1 / / rw - ext4 /dev/sda1 rw
            30 23 0:26 / /cgroups rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
            broken

            """)
        add(["/cgroups/vm/memory.max": "4096\n"])
        #expect(try limit == .init(path: "/cgroups/vm/memory.max", bytes: 4096))
    }

    // MARK: Version 1

    @Test func `version 1 has a hierarchy for each controller`() throws {
        inGroup("11:devices:/other\n9:memory:/docker/0123\n3:cpu,cpuacct:/x\n1:name=systemd:/y\n0::/z\n")
        // In the container the group is the mount's root.
        add(["/sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n", "/sys/fs/cgroup/z/memory.max": "1\n"])
        #expect(try limit == .init(path: "/sys/fs/cgroup/memory/memory.limit_in_bytes", bytes: 512 << 20))
        add([
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes": "4096\n",
        ])
        #expect(try limit == .init(path: "/sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes", bytes: 4096))
    }

    @Test func `version 1 in another place is found by its controller`() throws {
        inGroup("9:memory:/vm\n")
        kernel.addFile(
            "/proc/self/mountinfo",
            "30 23 0:26 / /dev/cpuctl rw - cgroup none rw,cpu\n31 23 0:27 / /dev/memcg rw - cgroup none rw,memory\n")
        add(["/dev/memcg/vm/memory.limit_in_bytes": "4096\n"])
        #expect(try limit == .init(path: "/dev/memcg/vm/memory.limit_in_bytes", bytes: 4096))
    }

    // MARK: Huge pages

    @Test(
        arguments: [(2 << 20, "2MB"), (1 << 30, "1GB"), (64 << 10, "64KB"), (32 << 20, "32MB")] as [(UInt64, String)])
    func `huge pages have limits of their own`(size: UInt64, name: String) throws {
        inGroup("0::/vm\n")
        add(["/sys/fs/cgroup/vm/memory.max": "1\n", "/sys/fs/cgroup/vm/hugetlb.\(name).max": "max\n"])
        let groups = try ControlGroups(kernel)
        #expect(try groups.limit(of: .hugePages(size: size)) == nil)
        add(["/sys/fs/cgroup/vm/hugetlb.\(name).rsvd.max": "8388608\n"])
        let path = "/sys/fs/cgroup/vm/hugetlb.\(name)"
        #expect(try groups.limit(of: .hugePages(size: size)) == .init(path: "\(path).rsvd.max", bytes: 8 << 20))
        add(["\(path).max": "4194304\n"])
        #expect(try groups.limit(of: .hugePages(size: size)) == .init(path: "\(path).max", bytes: 4 << 20))
    }

    @Test func `RAM of huge pages within the limits is given`() throws {
        inGroup("0::/vm\n")
        kernel.withState { $0.memory.hugePages = [2 << 20: (0..<8).map { UInt64($0) << 21 }] }
        add(["/sys/fs/cgroup/vm/memory.max": "1\n", "/sys/fs/cgroup/vm/hugetlb.2MB.max": "8388608\n"])
        _ = try HugePages.file("ram", size: 8 << 20, pageSize: 2 << 20, system: kernel)
        #expect(kernel.held.isEmpty)
    }

    @Test func `RAM of huge pages beyond a limit is refused before a page of it is touched`() throws {
        inGroup("0::/vm\n")
        kernel.withState { $0.memory.hugePages = [2 << 20: (0..<8).map { UInt64($0) << 21 }] }
        add(["/sys/fs/cgroup/vm/hugetlb.2MB.rsvd.max": "6291456\n"])
        let error = #expect(throws: PhysicalMemoryError.self) {
            _ = try HugePages.file("ram", size: 8 << 20, pageSize: 2 << 20, system: kernel)
        }
        #expect(
            error
                == .controlGroup(
                    size: 2 << 20, wanted: 8 << 20,
                    .init(path: "/sys/fs/cgroup/vm/hugetlb.2MB.rsvd.max", bytes: 6 << 20)))
        #expect(error?.remedy == "run: echo 8388608 > /sys/fs/cgroup/vm/hugetlb.2MB.rsvd.max")
        #expect(!kernel.journal.contains { "\($0)".contains("memfd") })
    }

    /// cgroup2's mount option memory_hugetlb_accounting.
    @Test func `huge pages count as memory where the kernel is told so`() throws {
        inGroup("0::/vm\n")
        kernel.withState { $0.memory.hugePages = [2 << 20: (0..<8).map { UInt64($0) << 21 }] }
        add(["/sys/fs/cgroup/vm/memory.max": "4194304\n"])
        kernel.addFile(
            "/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 none rw,memory_hugetlb_accounting\n")
        let error = #expect(throws: PhysicalMemoryError.self) {
            _ = try HugePages.file("ram", size: 8 << 20, pageSize: 2 << 20, system: kernel)
        }
        #expect(error?.description.contains("allows 4 MiB (/sys/fs/cgroup/vm/memory.max)") == true)
    }

    // MARK: What can't be read

    @Test func `a limit that can't be read is not one that isn't there`() throws {
        inGroup("0::/vm\n")
        add(["/sys/fs/cgroup/vm/memory.max": "4096\n"])
        let start = kernel.withState { $0.callCount }
        _ = try limit
        let count = kernel.withState { $0.callCount } - start
        try #require(count >= 3)
        for call in 1...count {
            kernel.withState { $0.failingCall = $0.callCount + call }
            #expect(throws: Errno.ioError, "call \(call)") { try limit }
        }
    }

    @Test func `this machine's groups can be read`() throws {
        let groups = try ControlGroups(LinuxKernel())
        _ = try groups.limit(of: .memory)
        _ = try groups.limit(of: .swap)
        _ = try groups.countHugePagesAsMemory()
    }
}

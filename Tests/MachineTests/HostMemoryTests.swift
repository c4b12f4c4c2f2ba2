// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

@Suite struct HostMemoryTests {
    private let kernel = FakeKernel()

    private func check(_ mebibytes: UInt64, meminfo: String?) -> String? {
        kernel.withState { $0.files["/proc/meminfo"] = meminfo.map { Array($0.utf8) } }
        return machineError { () throws(MachineError) in
            try HostMemory.check(mebibytes: mebibytes, system: kernel)
        }?.description
    }

    private let meminfo = """
        MemTotal:       16000000 kB
        MemFree:          100000 kB
        MemAvailable:    2097152 kB
        SwapTotal:       1048576 kB
        SwapFree:         524288 kB
        """

    @Test func `what the host has left is enough`() {
        #expect(check(2560, meminfo: meminfo) == nil)
    }

    @Test func `more than memory and swap is refused`() {
        #expect(
            check(2561, meminfo: meminfo) == """
                machine-config.mem_size_mib: the guest needs 2561 MiB, but the host has only 2560 MiB left
                  reduce machine-config.mem_size_mib, or free memory on the host
                """)
    }

    @Test func `a host without swap is understood`() {
        #expect(check(1, meminfo: "MemAvailable: 1024 kB\n") == nil)
        #expect(check(2, meminfo: "MemAvailable: 1024 kB\n") != nil)
    }

    @Test(arguments: [nil, "", "MemAvailable:\n", "MemAvailable: much\n", "XMemAvailable: 1 kB\n"])
    func `a host that does not say is taken at its word`(meminfo: String?) {
        #expect(check(1 << 20, meminfo: meminfo) == nil)
    }

    @Test func `absurd numbers do not trap`() {
        let most = UInt64.max
        #expect(check(1, meminfo: "MemAvailable: \(most) kB\nSwapFree: \(most) kB\n") == nil)
    }
}

@Suite struct ControlGroupMemoryTests {
    private let host = FakeHost()

    private func refusal(_ mebibytes: UInt64, isPinned: Bool = false) -> String? {
        machineError { () throws(MachineError) in
            try HostMemory.checkControlGroups(
                ramSize: mebibytes << 20, isPinned: isPinned, system: host.kernel, log: host.log.log)
        }?.description
    }

    private func limit(_ bytes: UInt64) {
        host.kernel.addFile("/proc/self/cgroup", "0::/vm\n")
        host.kernel.addFile("/sys/fs/cgroup/vm/memory.max", "\(bytes)\n")
    }

    @Test func `a group without a limit takes any guest`() {
        #expect(refusal(1 << 30) == nil)
    }

    @Test func `RAM and what Martlet needs itself have to fit`() {
        // 1 GiB of RAM, 4 MiB for its tables of pages, 16 MiB.
        limit(1044 << 20)
        #expect(refusal(1024) == nil)
        // The IOMMU has tables, too.
        #expect(refusal(1024, isPinned: true) != nil)
        limit(1046 << 20)
        #expect(refusal(1024, isPinned: true) == nil)
        limit(1044 << 20 - 1)
        #expect(
            refusal(1024) == """
                machine-config.mem_size_mib: the guest needs 1024 MiB and Martlet 20 MiB, but the control \
                group of this process allows 1043 MiB (/sys/fs/cgroup/vm/memory.max)
                  reduce machine-config.mem_size_mib, or raise the limit: --memory 1044m for a container, \
                MemoryMax=1044M for a service, or:
                  run: echo 1044M > /sys/fs/cgroup/vm/memory.max
                """)
    }

    @Test func `swap space counts unless devices keep RAM where it is`() {
        limit(512 << 20)
        host.kernel.addFile("/proc/meminfo", "MemAvailable: 8000000 kB\nSwapFree: 1048576 kB\n")
        #expect(refusal(1024) == nil)
        #expect(refusal(1024, isPinned: true) != nil)
        host.kernel.addFile("/sys/fs/cgroup/vm/memory.swap.max", "268435456\n")
        #expect(refusal(1024)?.contains("allows 512 MiB and 256 MiB of swap space (") == true)
        host.kernel.addFile("/sys/fs/cgroup/vm/memory.swap.max", "max\n")
        #expect(refusal(1024) == nil)
    }

    @Test func `with version 1 memory and swap space are limited together`() {
        host.kernel.addFile("/proc/self/cgroup", "4:memory:/vm\n")
        let folder = "/sys/fs/cgroup/memory/vm"
        host.kernel.addFile("\(folder)/memory.limit_in_bytes", "\(512 << 20)\n")
        host.kernel.addFile("\(folder)/memory.memsw.limit_in_bytes", "\(768 << 20)\n")
        host.kernel.addFile("/proc/meminfo", "MemAvailable: 8000000 kB\nSwapFree: 1048576 kB\n")
        #expect(
            refusal(1024)?.contains(
                "allows 512 MiB and 256 MiB of swap space (\(folder)/memory.limit_in_bytes)") == true)
        #expect(refusal(700) == nil)
    }

    @Test func `a limit that can't be read is logged`() {
        limit(1)
        host.kernel.withState { state in
            state.beforeCall = { $0 == "read /sys/fs/cgroup/vm/memory.max" ? .ioError : nil }
        }
        #expect(refusal(64) == nil)
        #expect(
            host.log.all == [
                "info: can't read the memory limit of the control group: EIO (Input/output error)"
            ])
    }

    @Test func `absurd sizes do not trap`() {
        limit(.max)
        host.kernel.addFile("/proc/meminfo", "SwapFree: \(UInt64.max) kB\n")
        #expect(refusal(1 << 43) == nil)
        limit(1)
        #expect(refusal(1 << 43) != nil)
        #expect(
            machineError { () throws(MachineError) in
                try HostMemory.checkControlGroups(
                    ramSize: .max, isPinned: true, system: host.kernel, log: host.log.log)
            } != nil)
    }

    @Test func `run and check say so before there is a guest`() throws {
        limit(64 << 20)
        let configuration = host.configuration(mebibytes: 64)
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration).load() }
        #expect(error?.description.contains("MiB (/sys/fs/cgroup/vm/memory.max)") == true)
        let check = MachineCheck(configuration, calls: host.kernel, log: host.log.log)
        #expect(check.problems.count == 1)
        #expect(check.problems.first?.contains("MiB (/sys/fs/cgroup/vm/memory.max)") == true)
        #expect(!host.kernel.journal.contains { "\($0)".contains("memfd_create") })
        limit(96 << 20)
        #expect(MachineCheck(configuration, calls: host.kernel, log: host.log.log).problems.isEmpty)
    }

    /// Of huge pages only what Martlet needs itself counts as memory.
    @Test func `RAM of huge pages needs no ordinary memory`() throws {
        limit(32 << 20)
        host.kernel.withState { $0.memory.hugePages = [2 << 20: (0..<32).map { UInt64($0) << 21 }] }
        var configuration = host.configuration(mebibytes: 64)
        configuration.machineSize.hugePages = .twoMebibytes
        _ = try host.makePlan(configuration).load()
        host.kernel.addFile("/sys/fs/cgroup/vm/hugetlb.2MB.max", "\(32 << 20)\n")
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration).load() }
        #expect(
            error
                == .guestMemory(
                    .hugePages(
                        mebibytes: 64,
                        .controlGroup(
                            size: 2 << 20, wanted: 64 << 20,
                            .init(path: "/sys/fs/cgroup/vm/hugetlb.2MB.max", bytes: 32 << 20)))))
    }
}

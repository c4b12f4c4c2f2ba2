// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// What many runs leave behind: nothing.
    @Suite struct LeakTests {
        /// What the host has in use.
        private struct Usage {
            /// Known only to the nearest 32 for each processor (lib/percpu_counter.c, percpu_counter_batch).
            let files: Int
            let threads: Int
            /// What is neither free nor could be.
            let usedKibibytes: Int
            let slabKibibytes: Int
            /// KVM has a folder for each of them.
            let virtualMachines: [String]

            init() throws {
                // Pages and entries that the kernel keeps just in case would look like a leak.
                sync()
                try Host.write("3", to: "/proc/sys/vm/drop_caches")
                let files = Host.text("/proc/sys/fs/file-nr").split(separator: "\t").first.flatMap { Int($0) }
                // "0.00 0.01 0.05 running/all last"
                let threads = Host.text("/proc/loadavg").split(separator: "/").last?.split(separator: " ").first
                func memory(_ key: String) throws -> Int {
                    let line = Host.text("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix(key + ":") }
                    return try #require(line?.split { !$0.isNumber }.first.flatMap { Int($0) })
                }
                self.files = try #require(files)
                self.threads = try #require(threads.flatMap { Int($0) })
                usedKibibytes = try memory("MemTotal") - memory("MemAvailable")
                slabKibibytes = try memory("Slab")
                let folders = (try? LinuxKernel().listDirectory("/sys/kernel/debug/kvm")) ?? []
                virtualMachines = folders.filter { $0.contains("-") }
            }

            /// The kernel closes what KVM and VFIO let go of on threads of its own.
            static func settled(after before: Usage) throws -> Usage {
                var usage = try Usage()
                for _ in 0..<20 where usage.files > before.files || usage.threads > before.threads {
                    usleep(100_000)
                    usage = try Usage()
                }
                return usage
            }

            /// What has grown by more than 30 boots may, as text.
            func leaks(since before: Usage) -> [String] {
                let files = 32 * sysconf(Int32(_SC_NPROCESSORS_ONLN))
                var leaks: [String] = []
                func note(_ what: String, from old: Int, to new: Int, limit: Int) {
                    if new - old >= limit { leaks.append("\(what): \(old), then \(new)") }
                }
                note("open files", from: before.files, to: self.files, limit: files + 1)
                note("threads", from: before.threads, to: threads, limit: 15)
                note("KiB in use", from: before.usedKibibytes, to: usedKibibytes, limit: 8192)
                note("KiB of kernel objects", from: before.slabKibibytes, to: slabKibibytes, limit: 2048)
                note("virtual machines", from: 0, to: virtualMachines.count, limit: 1)
                return leaks
            }
        }

        /// 3 boots of Linux with the RTC, 27 of a flat guest with each device in turn: one of anything for each boot
        /// would be 30. A VM is made of a dozen files.
        @Test(.onEmulatedHost)
        func `thirty boots leave nothing`() throws {
            func boot(_ number: Int) throws {
                let result =
                    number % 10 == 0
                    ? try Guest.run(.linux("rtc", "martlet.alarms=0", devices: [.init(HostDevices.rtc)]))
                    : try Guest.run(
                        .flat(
                            "poweroff", vcpus: 2,
                            devices: [.init(HostDevices.all[number % HostDevices.all.count])]))
                try #require(result.status == 0, "boot \(number): \(result.output)\(result.errors)")
            }
            let guest = try Guest(.flat("spin"))
            try guest.process.waitForOutput("A")
            #expect(try Usage().virtualMachines.count == 1, "one that runs is seen")
            guest.process.signal(SIGTERM)
            try guest.finish()
            // What is made once for all, such as caches of the kernel's, is made now.
            for number in 0..<5 { try boot(number) }

            // What the host frees later, or keeps for once, can look like a leak in one round; a leak is in each.
            var findings: [String] = []
            for _ in 0..<3 {
                let before = try Usage()
                for number in 0..<30 { try boot(number) }
                findings = try Usage.settled(after: before).leaks(since: before)
                if findings.isEmpty { break }
            }

            #expect(findings == [])
            #expect(HostDevices.vfioLines() == [])
        }
    }
}

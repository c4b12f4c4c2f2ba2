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
            let availableKibibytes: Int
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
                availableKibibytes = try memory("MemAvailable")
                slabKibibytes = try memory("Slab")
                let folders = (try? LinuxKernel().listDirectory("/sys/kernel/debug/kvm")) ?? []
                virtualMachines = folders.filter { $0.contains("-") }
            }
        }

        /// 10 boots of Linux with the RTC, 20 of a flat guest with each device in turn: one of anything for each boot would
        /// be 30. A VM is made of a dozen files.
        @Test(.onEmulatedHost)
        func thirtyBootsLeaveNothing() throws {
            func boot(_ number: Int) throws {
                let result =
                    number % 3 == 0
                    ? try Guest.run(.linux("rtc", "martlet.alarms=0", devices: [.init(HostDevices.rtc)]))
                    : try Guest.run(
                        .flat(
                            "poweroff", vcpus: 2,
                            devices: [.init(HostDevices.all[number % HostDevices.all.count])]))
                try #require(result.status == 0, "boot \(number): \(result.output)\(result.errors)")
            }
            // What is made once for all, such as caches of the kernel's, is made now.
            for number in 0..<5 { try boot(number) }
            let before = try Usage()

            for number in 0..<30 { try boot(number) }

            // The kernel closes what KVM and VFIO let go of on threads of its own.
            var after = try Usage()
            for _ in 0..<20 where after.files > before.files || after.threads > before.threads {
                usleep(100_000)
                after = try Usage()
            }
            let files = 32 * sysconf(Int32(_SC_NPROCESSORS_ONLN))
            #expect(after.files - before.files <= files, "open files: \(before.files), then \(after.files)")
            #expect(after.virtualMachines == [])
            #expect(after.threads - before.threads < 15, "threads: \(before.threads), then \(after.threads)")
            let lost = before.availableKibibytes - after.availableKibibytes
            #expect(lost < 8192, "available memory: \(before.availableKibibytes) KiB, \(lost) less after")
            let grown = after.slabKibibytes - before.slabKibibytes
            #expect(grown < 2048, "kernel objects: \(before.slabKibibytes) KiB, \(grown) more after")
            #expect(HostDevices.vfioLines() == [])
        }
    }
}

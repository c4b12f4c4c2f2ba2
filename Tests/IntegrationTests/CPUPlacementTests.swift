// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// `machine-config.cpus` on a host of two CPUs: what the kernel says of each thread.
    @Suite(.onEmulatedHost) struct CPUPlacementTests {
        private func guest(_ cpus: String, vcpus: Int = 1) -> GuestConfiguration {
            var configuration = GuestConfiguration.flat("spin", vcpus: vcpus)
            configuration.size.cpus = cpus
            return configuration
        }

        /// Cpus_allowed_list of each thread, by its name.
        private func placement(of process: pid_t) throws -> [String: String] {
            var lists: [String: String] = [:]
            for thread in try LinuxKernel().listDirectory("/proc/\(process)/task") {
                let folder = "/proc/\(process)/task/\(thread)"
                let line = Host.text("\(folder)/status").split(separator: "\n")
                    .first { $0.hasPrefix("Cpus_allowed_list:") }
                let list = line?.split(separator: "\t").last
                lists[Host.text("\(folder)/comm")] = list.map(String.init)
            }
            return lists
        }

        @Test(arguments: [("1,0", ["1", "0"], "0-1"), ("0-1", ["0"], "0-1"), ("1", ["1"], "1")])
        func `each vCPU's thread has its CPU, and the rest has all of them`(
            cpus: String, vcpus: [String], rest: String
        ) throws {
            let guest = try Guest(guest(cpus, vcpus: vcpus.count))
            try guest.process.waitForOutput("A")
            let process = guest.process.processNumber
            // The last vCPU's thread may only just have been made.
            try guest.process.wait("all threads") { try placement(of: process)["vcpu\(vcpus.count - 1)"] != nil }

            var others = try placement(of: process)
            let found = vcpus.indices.map { others.removeValue(forKey: "vcpu\($0)") }

            #expect(found == vcpus)
            #expect(!others.isEmpty && others.values.allSatisfy { $0 == rest }, "\(others)")
            guest.process.signal(SIGTERM)
            #expect(try guest.finish().status == 143)
        }

        @Test func `a CPU that there isn't is refused before the guest`() throws {
            try expectRefusal(guest("0,7"), "machine-config.cpus: this host has no CPU 7", "its CPUs are 0-1")
        }

        @Test func `too few CPUs are a wrong configuration`() throws {
            try expectRefusal(
                guest("1", vcpus: 2), status: 2, "machine-config.cpus: found 1 CPU, with vcpu_count 2")
        }
    }
}

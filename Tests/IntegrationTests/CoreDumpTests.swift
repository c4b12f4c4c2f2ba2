// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// What a core dump of Martlet would have in it.
    @Suite struct CoreDumpTests {
        /// The flags of the guest's RAM in the monitor's memory map (proc(5), /proc/PID/smaps).
        private func flags(_ configuration: GuestConfiguration) throws -> [[Substring]] {
            let guest = try Guest(configuration)
            try guest.process.waitForOutput("A")
            let lines = Host.text("/proc/\(guest.process.processNumber)/smaps").split(separator: "\n")
            let starts = lines.indices.filter { lines[$0].contains("/memfd:martlet-guest-ram") }
            let flags = starts.compactMap { start in
                lines[start...].first { $0.hasPrefix("VmFlags:") }?.split(separator: " ")
            }
            guest.process.signal(SIGTERM)
            try guest.finish()
            return flags
        }

        @Test func `the guest's RAM is in no core dump unless it is to be`() throws {
            let plain = try flags(.flat("spin"))
            #expect(plain.count == 1 && plain.allSatisfy { $0.contains("dd") }, "\(plain)")
            var configuration = GuestConfiguration.flat("spin")
            configuration.size.dumpsGuestCore = true
            let dumped = try flags(configuration)
            #expect(dumped.count == 1 && dumped.allSatisfy { !$0.contains("dd") }, "\(dumped)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// Exit status and text of what runs no guest, or runs it without more options.
    @Suite struct CommandLineTests {
        private func run(_ arguments: String...) throws -> MartletProcess {
            let process = try MartletProcess(arguments)
            try process.waitForEnd()
            return process
        }

        @Test func `version is printed`() throws {
            let process = try run("--version")

            #expect(try process.waitForEnd() == 0)
            #expect(process.output.hasPrefix("martlet "))
            #expect(process.output.contains { $0.isNumber })
            #expect(process.errors.isEmpty)
        }

        @Test(arguments: [["run"], ["frobnicate"], ["run", "a", "b"], ["run", "--log-level", "loud", "a"], ["check"]])
        func `wrong use ends with two`(arguments: [String]) throws {
            let process = try MartletProcess(arguments)

            #expect(try process.waitForEnd() == 2)
            #expect(process.errors.contains("Usage: martlet"))
            #expect(process.output.isEmpty)
        }

        /// Without options the command line takes a shorter way, which must mean the same.
        @Test(arguments: [("poweroff", 0), ("reset", 3), ("touch", 4)])
        func `run without options ends with the guests status`(name: String, status: Int) throws {
            let folder = try TemporaryFolder()
            let process = try MartletProcess(["run", try GuestConfiguration.flat(name).write(to: folder)])
            if name == "touch" {
                try process.waitForOutput("A")
                try process.takeGuestMemoryAway()
            }

            #expect(try process.waitForEnd() == status, "\(process.errors)")
            #expect(process.output == (name == "touch" ? "A" : ""), "standard output is the guest's alone")
            // The report is for people then, and on standard error.
            #expect(process.errors.contains("\nexits: ") || process.errors.hasPrefix("guest: "), "\(process.errors)")
        }

        @Test func `run without options reports errors`() throws {
            let process = try run("run", "/nowhere.json")

            #expect(try process.waitForEnd() == 2)
            #expect(process.errors.hasPrefix("martlet: /nowhere.json: the configuration can't be read: ENOENT"))
        }

        @Test func `report on full disk is an error after the run`() throws {
            let guest = try Guest(.flat("first"), reportsTo: "/dev/full")

            let result = try guest.finish()

            #expect(result.status == 1)
            #expect(result.output == "A")
            #expect(result.errors.contains("martlet: --report: /dev/full: ENOSPC"), "\(result.errors)")
        }
    }
}

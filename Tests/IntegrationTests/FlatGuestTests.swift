// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// Guests of a few instructions, each of which ends in one way.
    @Suite struct FlatGuestTests {
        @Test func `power off ends with zero`() throws {
            let result = try Guest.run(.flat("poweroff"))

            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.isEmpty)
            #expect(try result.report.exit.reason == "power-off")
        }

        @Test func `reset ends with three`() throws {
            let result = try Guest.run(.flat("reset"))

            #expect(result.status == 3, "\(result.errors)")
            #expect(try result.report.exit.reason == "reset")
        }

        @Test func `crash ends with four and registers`() throws {
            let guest = try Guest(.flat("touch"))
            try guest.process.waitForOutput("A")

            try guest.process.takeGuestMemoryAway()

            let result = try guest.finish()
            #expect(result.status == 4, "\(result.errors)")
            #expect(result.output == "A")
            #expect(result.errors.contains("martlet: the guest can't go on: vcpu0: KVM_RUN"))
            #expect(result.errors.contains("EFAULT"), "\(result.errors)")
            // The guest runs where it was loaded.
            #expect(result.errors.contains("pc 0x80000"), "\(result.errors)")
            for register in ["sp", "pstate", "x0", "x30"] {
                #expect(result.errors.contains(register), "no \(register) in: \(result.errors)")
            }
            let exit = try result.report.exit
            #expect(exit.reason == "hung" && exit.status == 4)
            #expect(exit.detail?.contains("vcpu0") == true)
        }

        /// Nothing of the guest's makes it leave KVM, so only the kick can.
        @Test(arguments: [(SIGTERM, 143), (SIGINT, 130), (SIGHUP, 129)])
        func `signal ends guest that never exits`(number: CInt, status: Int) throws {
            let guest = try Guest(.flat("spin", vcpus: 2))
            try guest.process.waitForOutput("A")

            guest.process.signal(number)

            let result = try guest.finish(patience: 20)
            #expect(result.status == status, "\(result.errors)")
            let exit = try result.report.exit
            #expect(exit.reason == "signal \(number)" && exit.status == status)
        }

        /// No file that is opened may take the place of a standard descriptor that was closed: what the guest prints
        /// would go there.
        @Test func `standard descriptors may be closed`() throws {
            let guest = try Guest(.flat("spin"), MartletProcess.Options(input: .closed, output: .closed))
            let folder = "/proc/\(guest.process.processNumber)"
            try waitForThread("vcpu0", in: folder)

            let standard = try (0...2).map { try LinuxKernel().readLink("\(folder)/fd/\($0)") }

            guest.process.signal(SIGTERM)

            #expect(standard.prefix(2) == ["/", "/"], "none of \(standard) may be a file of KVM's")
            #expect(try guest.finish(patience: 20).status == 143)
        }

        /// Waits until the process whose folder in /proc is `folder` has a thread called `name`.
        private func waitForThread(_ name: String, in folder: String) throws {
            let deadline = Clock.monotonicNanoseconds + UInt64(MartletProcess.patience * 1e9)
            while Clock.monotonicNanoseconds < deadline {
                let threads = (try? LinuxKernel().listDirectory("\(folder)/task")) ?? []
                if threads.contains(where: { Host.text("\(folder)/task/\($0)/comm") == name }) { return }
                usleep(10_000)
            }
            throw TestError("no thread \(name)")
        }
    }
}

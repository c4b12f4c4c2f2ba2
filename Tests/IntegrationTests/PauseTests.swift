// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// A guest that is held and let go by the user's key.
    @Suite struct PauseTests {
        private static let key = "\u{1}z"

        /// The second vCPU is powered off the whole time, and the first sleeps until each alarm comes.
        @Test func `10,000 pauses lose no alarm of the clock`() throws {
            let count = 10_000
            let terminal = try PseudoTerminal()
            let guest = try Guest(.flat("alarms", vcpus: 2), MartletProcess.Options(terminal: terminal))
            try guest.process.waitForOutput("R\n")

            let start = Clock.monotonicNanoseconds
            for number in 0..<count {
                try guest.process.send(Self.key)
                usleep(200)
                try guest.process.send(Self.key)
                // A while now and then, so that alarms of the next second come in each part of a pause.
                usleep(number % 100 == 0 ? 20_000 : 200)
                if number % 50 == 0 { _ = guest.process.isRunning }
            }
            let seconds = Double(Clock.monotonicNanoseconds - start) / 1e9
            try guest.process.send("q")

            let result = try guest.finish()
            #expect(result.status == 0, "\(result.errors.suffix(2000))")
            let line = try #require(result.output.split(separator: "\n").last)
            let numbers = line.dropFirst().split(separator: " ").compactMap { Int($0, radix: 16) }
            print("pauses: \(count) in \(seconds) s, alarms set \(numbers.first ?? 0)")
            try #require(numbers.count == 2, "\(result.output)")
            #expect(numbers[0] == numbers[1] && numbers[0] >= 17)
            #expect(try result.report.pauses == count)
        }

        @Test func `what is typed during a pause reaches Linux after it`() throws {
            let guest = try Guest(.linux("echo", vcpus: 2))
            try guest.process.waitForOutput("martlet-guest: echo ready")

            try guest.process.send(Self.key)
            try guest.process.waitForErrors("martlet: the guest is paused; press Ctrl-A z to resume it\n")
            try guest.process.send("swift\n")
            guest.process.read(seconds: 1)
            #expect(!guest.process.output.contains("tfiws"))
            guest.process.signal(SIGUSR1)
            try guest.process.waitForErrors("machine: paused\n")
            try guest.process.send(Self.key)

            let result = try guest.finish()
            try expectPowerOff(result)
            #expect(result.output.contains("martlet-guest: echo tfiws\n"))
            #expect(try result.report.pauses == 1)
        }

        @Test(arguments: [(SIGTERM, 143), (SIGINT, 130)])
        func `a signal ends a guest that is paused`(number: CInt, status: Int) throws {
            let guest = try Guest(.flat("spin", vcpus: 2))
            try guest.process.waitForOutput("A")
            try guest.process.send(Self.key)
            try guest.process.waitForErrors("the guest is paused")

            guest.process.signal(number)

            #expect(try guest.finish(patience: 20).status == status)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// The serial port, as a user has it: on a terminal, on pipes, on things that break.
    @Suite struct ConsoleTests {
        @Test func `input from pipe reaches guest`() throws {
            let guest = try Guest(.linux("echo"))
            try guest.process.waitForOutput("martlet-guest: echo ready")

            try guest.process.send("swift and martlet\n")

            let result = try guest.finish()
            try expectPowerOff(result)
            #expect(result.output.contains("martlet-guest: echo teltram dna tfiws\n"))
        }

        /// More than the serial port's FIFO holds, and than the guest takes while it boots.
        @Test func `long input arrives whole though guest is late`() throws {
            let line = String((0..<2000).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
            let guest = try Guest(.linux("echo"))

            // A terminal's line has at most 4095 characters; what comes before the port is opened may be lost.
            try guest.process.waitForOutput("martlet-guest: echo ready")
            try guest.process.send(line + "\n")

            let result = try guest.finish()
            try expectPowerOff(result)
            #expect(result.output.contains("martlet-guest: echo \(String(line.reversed()))\n"))
        }

        @Test func `end of input is not the end of the guest`() throws {
            let result = try Guest.run(.linux("cpus"), MartletProcess.Options(input: .file("/dev/null")))

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus 1")
        }

        @Test func `terminal is raw while guest runs and restored after power off`() throws {
            let terminal = try PseudoTerminal()
            let before = try terminal.settings
            let guest = try Guest(.linux("echo"), MartletProcess.Options(terminal: terminal))
            try guest.process.waitForOutput("martlet-guest: echo ready")
            #expect(try !terminal.isCooked)

            // Ctrl-C is the guest's: its terminal drops the line so far. Ctrl-A Ctrl-A is one Ctrl-A.
            try guest.process.send("nothing\u{3}ab\u{1}\u{1}c\r")

            let result = try guest.finish()
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("martlet-guest: echo c\u{1}ba\n"), "\(result.output.debugDescription)")
            #expect(try terminal.settings == before)
            #expect(try terminal.isCooked)
        }

        @Test func `control a and x quit`() throws {
            let terminal = try PseudoTerminal()
            let before = try terminal.settings
            let guest = try Guest(.linux("idle"), MartletProcess.Options(terminal: terminal))
            try guest.process.waitForOutput("martlet-guest: idle")

            try guest.process.send("\u{1}")
            guest.process.read(seconds: 0.2)
            #expect(guest.process.isRunning)
            try guest.process.send("x")

            let result = try guest.finish(patience: 20)
            #expect(result.status == 130, "\(result.errors)")
            #expect(try result.report.exit.reason == "quit")
            #expect(try terminal.settings == before)
        }

        @Test(arguments: [(SIGTERM, 143), (SIGINT, 130), (SIGHUP, 129)])
        func `terminal is restored after signal`(number: CInt, status: Int) throws {
            let terminal = try PseudoTerminal()
            let before = try terminal.settings
            let guest = try Guest(.flat("spin"), MartletProcess.Options(terminal: terminal))
            try guest.process.waitForOutput("A")
            #expect(try !terminal.isCooked)

            guest.process.signal(number)

            #expect(try guest.finish(patience: 20).status == status)
            #expect(try terminal.settings == before)
        }

        @Test(arguments: [("reset", 3), ("touch", 4)]) func `terminal is restored after end`(name: String, status: Int)
            throws
        {
            let terminal = try PseudoTerminal()
            let before = try terminal.settings

            let guest = try Guest(.flat(name), MartletProcess.Options(terminal: terminal))
            if name == "touch" {
                try guest.process.waitForOutput("A")
                try guest.process.takeGuestMemoryAway()
            }

            let result = try guest.finish()
            #expect(result.status == status, "\(result.errors)")
            #expect(try terminal.settings == before)
        }

        @Test func `terminal is left alone by error`() throws {
            let terminal = try PseudoTerminal()
            let before = try terminal.settings
            var configuration = GuestConfiguration.flat("poweroff")
            configuration.source.kernel = "/nowhere"

            try expectRefusal(
                configuration, "boot-source.kernel_image_path: /nowhere: ENOENT",
                options: MartletProcess.Options(terminal: terminal))

            #expect(try terminal.settings == before)
        }

        @Test func `full disk does not end guest`() throws {
            let result = try Guest.run(.linux("cpus"), MartletProcess.Options(output: .file("/dev/full")))

            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("writing to the console failed: ENOSPC"))
            let report = try result.report
            #expect(report.exit.reason == "power-off")
            #expect(report.droppedConsoleBytes > 0)
        }

        @Test func `closed pipe does not end guest`() throws {
            let result = try Guest.run(.linux("cpus"), MartletProcess.Options(output: .brokenPipe))

            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("writing to the console failed: EPIPE"))
            let report = try result.report
            #expect(report.exit.reason == "power-off")
            #expect(report.droppedConsoleBytes > 0)
        }
    }
}

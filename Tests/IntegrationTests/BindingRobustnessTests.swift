// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// `bind` and `release` that are killed, meet each other, or find /run/martlet in somebody else's hands.
    @Suite(.onEmulatedHost)
    struct BindingRobustnessTests {
        private static let folder = "/run/martlet"
        private static let notes = "/run/martlet/former-drivers"

        @discardableResult
        private func martlet(
            _ arguments: [String], _ options: MartletProcess.Options = .init(), status: Int = 0,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> MartletProcess {
            try quietConsole()
            let process = try MartletProcess(arguments, options)
            #expect(
                try process.waitForEnd() == status, "\(arguments): \(process.transcript)",
                sourceLocation: sourceLocation)
            return process
        }

        /// The serial port becomes a console of the host when its driver gets it back for the first time, since
        /// console=ttyS0 is on the host's command line; a console isn't given away.
        private func quietConsole() throws {
            let console = "/sys/class/tty/ttyS0/console"
            if Host.text(console) == "Y" { try Host.write("N", to: console) }
        }

        private func shell(_ commands: String, status: Int = 0) throws -> MartletProcess {
            let process = try MartletProcess(["-ec", commands], program: "/bin/sh")
            #expect(try process.waitForEnd() == status, "\(commands): \(process.transcript)")
            return process
        }

        /// The host has the device, as before anything was done to it.
        private func expectWithHost(
            _ device: String, _ driver: String, _ when: String, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(HostDevices.driver(of: device) == driver, "\(when)", sourceLocation: sourceLocation)
            #expect(
                Host.text("\(HostDevices.folder(device))/driver_override") == "(null)", "\(when)",
                sourceLocation: sourceLocation)
            let note = "\(Self.notes)/\(HostDevices.bus(of: device))-\(device)"
            #expect(!Host.exists(note), "\(when)", sourceLocation: sourceLocation)
        }

        // MARK: Killed

        private static let devices = [
            (HostDevices.rtc, "rtc-pl031"), (HostDevices.serial, "of_serial"), (HostDevices.sata, "ahci"),
        ]

        /// Kills a command before each call by which it changes a file, until one gets to its end.
        /// - Returns: how many calls there are.
        private func sweep(
            _ command: String, _ device: String, prepare: () throws -> Void, then rest: (Int) throws -> Void
        ) throws -> Int {
            var limit = 0
            while true {
                try prepare()
                try quietConsole()
                let gate = Gate(judgeOfChanges: { $0 < limit ? .goOn : .kill })
                let process = try MartletProcess([command, device], .init(gate: gate))
                let status = try process.waitForEnd()
                try rest(limit)
                if status == 0 { return limit }
                try #require(status == 256 + Int(SIGKILL), "\(process.transcript)")
                limit += 1
            }
        }

        @Test(arguments: devices) func `a bind that is killed anywhere loses no driver`(
            device: String, driver: String
        ) throws {
            try HostDevices.giveToHost(device)
            defer { try? HostDevices.bind(device) }
            let calls = try sweep("bind", device, prepare: {}) { call in
                // The next one finishes it, or takes it back.
                if call % 2 == 0 { try martlet(["bind", device]) }
                try martlet(["release", device])
                expectWithHost(device, driver, "killed before change \(call)")
            }
            // The note's draft and its name, the rule, unbind, bind, what it says.
            #expect(calls >= 6)
        }

        @Test(arguments: devices) func `a release that is killed anywhere loses no driver`(
            device: String, driver: String
        ) throws {
            try HostDevices.giveToHost(device)
            defer { try? HostDevices.bind(device) }
            let calls = try sweep("release", device, prepare: { try martlet(["bind", device]) }) { call in
                if call % 2 == 0 { try martlet(["bind", device]) }
                try martlet(["release", device])
                expectWithHost(device, driver, "killed before change \(call)")
            }
            #expect(calls >= 5)
        }

        /// Given to VFIO by another program, so that no note says who had it.
        @Test func `a release without a note that is killed anywhere loses no driver`() throws {
            let device = HostDevices.rtc
            let prepare = {
                _ = remove("\(Self.notes)/amba-\(device)")
                try HostDevices.bind(device)
            }
            _ = try sweep("release", device, prepare: prepare) { call in
                if call % 2 == 0 { try martlet(["bind", device]) }
                try martlet(["release", device])
                expectWithHost(device, "rtc-pl031", "killed before change \(call)")
            }
        }

        @Test func `a disk that was bound and released by killed commands works`() throws {
            let device = HostDevices.sata
            try HostDevices.giveToHost(device)
            // Behind the fifth change VFIO has the disk; behind the second no driver has it.
            for (command, changes) in [("bind", 5), ("release", 2)] {
                try martlet(
                    [command, device], .init(gate: Gate(judgeOfChanges: { $0 < changes ? .goOn : .kill })),
                    status: 256 + Int(SIGKILL))
            }
            try martlet(["release", device])
            let disk = try HostDevices.disk(of: device)
            _ = try shell("dd if=/dev/\(disk) of=/dev/null bs=1M count=1")
            try martlet(["bind", device])
            try expectUsable(device)
        }

        // MARK: At once

        /// The second waits for the first, and looks again.
        @Test func `two binds at once give the device once`() throws {
            let device = HostDevices.rtc
            try HostDevices.giveToHost(device)
            var second: MartletProcess?
            let gate = Gate(judgeOfChanges: { _ in
                // In the middle: the rule is written, and the driver has the device.
                if HostDevices.driver(of: device) == "rtc-pl031", second == nil,
                    Host.text("\(HostDevices.folder(device))/driver_override") == "vfio-amba"
                {
                    let other = try MartletProcess(["bind", device])
                    other.read(seconds: 1)
                    #expect(other.isRunning)
                    #expect(HostDevices.driver(of: device) == "rtc-pl031")
                    second = other
                }
                return .goOn
            })
            let first = try martlet(["bind", device], .init(gate: gate))
            let other = try #require(second)
            #expect(try other.waitForEnd() == 0, "\(other.transcript)")
            #expect(first.output.hasPrefix("\(device): vfio-amba has it, group "))
            #expect(other.output.hasPrefix("\(device): vfio-amba has it already, group "))
            try martlet(["release", device])
            expectWithHost(device, "rtc-pl031", "after both")
        }

        @Test func `a bind that waits goes on when the first is killed`() throws {
            let device = HostDevices.rtc
            try HostDevices.giveToHost(device)
            var second: MartletProcess?
            let gate = Gate(judgeOfChanges: { _ in
                guard HostDevices.driver(of: device) == nil else { return .goOn }
                let other = try MartletProcess(["bind", device])
                other.read(seconds: 1)
                #expect(other.isRunning)
                second = other
                return .kill
            })
            try martlet(["bind", device], .init(gate: gate), status: 256 + Int(SIGKILL))
            let other = try #require(second)
            #expect(try other.waitForEnd() == 0, "\(other.transcript)")
            #expect(other.output.hasPrefix("\(device): vfio-amba has it, group "))
            try martlet(["release", device])
            expectWithHost(device, "rtc-pl031", "after both")
        }

        @Test func `many commands at once leave the device with one or the other`() throws {
            let device = HostDevices.rtc
            try HostDevices.giveToHost(device)
            for _ in 0..<5 {
                let processes = try ["bind", "release", "bind", "release"].map { try MartletProcess([$0, device]) }
                for process in processes { #expect(try process.waitForEnd() == 0, "\(process.transcript)") }
                let driver = HostDevices.driver(of: device)
                #expect(driver == "vfio-amba" || driver == "rtc-pl031")
            }
            try martlet(["release", device])
            expectWithHost(device, "rtc-pl031", "after all")
        }

        @Test func `a lock that is not given back is waited for ten seconds`() throws {
            let device = HostDevices.rtc
            try HostDevices.giveToHost(device)
            _ = try shell("mkdir -p \(Self.folder)")
            let lock = try Descriptor(Self.folder, O_RDONLY)
            try #require(flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0)
            let start = Clock.monotonicNanoseconds
            let process = try martlet(["bind", device], status: 1)
            let seconds = Double(Clock.monotonicNanoseconds - start) / 1e9
            #expect((10..<30).contains(seconds))
            for text in [
                "another martlet has held the lock on /run/martlet for 10 s",
                "run: fuser -v /run/martlet", "its driver is rtc-pl031, as before",
            ] { #expect(process.errors.contains(text), "\(process.errors)") }
            expectWithHost(device, "rtc-pl031", "refused")
        }

        // MARK: The folder

        @Test(arguments: ["000", "077", "777"]) func `the notes can be read whatever the umask`(mask: String) throws {
            let device = HostDevices.rtc
            try HostDevices.giveToHost(device)
            _ = try shell("rm -rf \(Self.folder)")
            _ = try shell("umask \(mask); \(Host.martlet) bind \(device)")
            let modes = try shell("stat -c '%a %u' \(Self.folder) \(Self.notes) \(Self.notes)/amba-\(device)").output
            #expect(modes == "755 0\n755 0\n644 0\n")
            // An ordinary user sees what release would do.
            let user = try martlet(["release", "--dry-run", device], .init(user: 1000))
            #expect(user.output.contains("/drivers/rtc-pl031/bind"))
            try martlet(["release", device])
            expectWithHost(device, "rtc-pl031", "umask \(mask)")
        }

        @Test func `another user's folder or note is not used`() throws {
            let device = HostDevices.rtc
            let note = "\(Self.notes)/amba-\(device)"
            try HostDevices.giveToHost(device)
            _ = try shell("rm -rf \(Self.folder); mkdir \(Self.folder); chown 1000 \(Self.folder)")
            #expect(try martlet(["bind", device], status: 1).errors.contains("/run/martlet belongs to user 1000"))
            _ = try shell("rm -rf \(Self.folder); ln -s /tmp \(Self.folder)")
            #expect(
                try martlet(["bind", device], status: 1).errors
                    .contains("/run/martlet is not a folder, or is a symbolic link"))
            expectWithHost(device, "rtc-pl031", "refused")

            _ = try shell("rm \(Self.folder)")
            try martlet(["bind", device])
            _ = try shell("chown 1000 \(note)")
            #expect(try martlet(["release", device], status: 1).errors.contains("\(note) belongs to user 1000"))
            _ = try shell("rm \(note); ln -s /etc/passwd \(note)")
            #expect(try martlet(["release", device], status: 1).errors.contains("\(note) is not a regular file"))
            _ = try shell("rm \(note); echo driver=../../../../../tmp/evil > \(note)")
            let refusal = try martlet(["release", device], status: 1).errors
            #expect(
                refusal.contains(
                    "\(note) is not a note of martlet bind\n  check it, then run: rm \(note)\n"))
            #expect(HostDevices.driver(of: device) == "vfio-amba")
            _ = try shell("rm \(note)")
            try martlet(["release", device])
            expectWithHost(device, "rtc-pl031", "after all")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// Virtio disks on files of the host's. (The files are in a tmpfs.)
    struct DriveTests {
        private static let mebibytes = 64
        /// What the guest writes at 16 MiB.
        private static let lines = "seq 9000000 9131071"

        /// A disk whose first 8 MiB are lines of numbers; the rest takes no room.
        private func disk(_ folder: TemporaryFolder, _ name: String, from first: Int) throws -> String {
            var text = ""
            var number = first
            while text.utf8.count < 8 << 20 {
                text += "\(number)\n"
                number += 1
            }
            return try folder.file(name, text.utf8.prefix(8 << 20), size: off_t(Self.mebibytes << 20))
        }

        private func configuration(
            _ words: String, vcpus: Int = 1, devices: [GuestConfiguration.Device] = [],
            _ drives: GuestConfiguration.Drive...
        ) -> GuestConfiguration {
            var configuration = GuestConfiguration.linux("drive", words, vcpus: vcpus, devices: devices)
            configuration.drives = drives
            return configuration
        }

        /// In bytes, as far as the file system has given it space.
        private func allocated(_ path: String) -> Int {
            var status = stat()
            return stat(path, &status) == 0 ? Int(status.st_blocks) * 512 : -1
        }

        @Test(arguments: [1, 2]) func `a guest reads and writes its disk`(vcpus: Int) throws {
            let folder = try TemporaryFolder()
            let path = try disk(folder, "a.img", from: 1_000_000)
            let content = try md5(of: path, mebibytes: 8, from: 0)

            let result = try Guest.run(
                configuration(
                    "martlet.write=1 martlet.blocks=32", vcpus: vcpus, .init("first", path, cache: "Writeback")),
                patience: 300)

            try expectPowerOff(result)
            #expect(result.line("vda serial") == "vda serial first sectors \(Self.mebibytes * 2048) ro 0")
            #expect(result.line("vda queues") == "vda queues \(vcpus) cache write back")
            #expect(result.line("vda md5") == "vda md5 \(content)")
            let written = try md5("\(Self.lines) | head -c 1048576")
            #expect(result.line("vda written") == "vda written \(written)")
            #expect(try md5(of: path, mebibytes: 1, from: 16) == written)
            #expect(result.line("vda blocks were right") != nil)
            let drive = try #require(try result.report.drives?.first)
            #expect(drive.driveId == "first" && drive.pathOnHost == path && drive.errors == 0)
            #expect(drive.bytesRead >= 8 << 20 && drive.bytesWritten >= 1 << 20)
            #expect(drive.reads > 0 && drive.writes > 0 && drive.flushes > 0)
        }

        @Test func `a read-only disk stays as it is, and can be shared`() throws {
            let folder = try TemporaryFolder()
            let path = try disk(folder, "a.img", from: 1_000_000)
            let content = try md5(of: path, mebibytes: Self.mebibytes, from: 0)

            let result = try Guest.run(
                configuration(
                    "", .init("one", path, isReadOnly: true), .init("two", path, isReadOnly: true)))

            try expectPowerOff(result)
            #expect(result.line("vda serial")?.hasSuffix("ro 1") == true)
            #expect(result.line("vdb serial")?.hasPrefix("vdb serial two") == true)
            #expect(result.line("vda refused a write") != nil && result.line("vdb refused a write") != nil)
            #expect(try md5(of: path, mebibytes: Self.mebibytes, from: 0) == content)
        }

        @Test func `a discard gives the file's space back`() throws {
            let folder = try TemporaryFolder()
            let path = try disk(folder, "a.img", from: 1_000_000)
            // 16 MiB at 16 MiB that the guest gives back.
            let fill = try MartletProcess(
                ["-c", "yes | dd of=\(path) bs=1M seek=16 count=16 iflag=fullblock conv=notrunc 2>/dev/null"],
                program: "/bin/sh")
            #expect(try fill.waitForEnd() == 0)
            let before = allocated(path)

            let result = try Guest.run(configuration("martlet.discard=1", .init("a", path)))

            try expectPowerOff(result)
            #expect(result.line("vda discarded") != nil)
            #expect(allocated(path) <= before - (16 << 20), "\(allocated(path)) of \(before)")
            #expect(try md5(of: path, mebibytes: 16, from: 16) == md5("dd if=/dev/zero bs=1M count=16 2>/dev/null"))
            #expect(try result.report.drives?.first?.discards ?? 0 > 0)
        }

        @Test func `an entropy device gives the guest random bytes`() throws {
            let folder = try TemporaryFolder()
            var configuration = configuration("", .init("a", try disk(folder, "a.img", from: 1)))
            configuration.entropy = [:]

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("random") == "random 64 bytes")
        }

        /// The first guest writes a mark and asks for a reset; the second one finds it.
        @Test func `a guest that resets itself keeps its disk`() throws {
            let folder = try TemporaryFolder()
            let path = try disk(folder, "a.img", from: 1_000_000)
            var configuration = configuration(
                "martlet.reset=1 martlet.write=1", .init("a", path, cache: "Writeback"))
            configuration.onReset = "restart"

            let result = try Guest.run(configuration, patience: 300)

            try expectPowerOff(result)
            #expect(result.lines("vda md5").count == 2 && Set(result.lines("vda md5")).count == 1)
            #expect(try result.report.restarts == 1)
            #expect(try result.report.drives?.first?.errors == 0)
        }

        @Test func `drives that can't be had are refused before the guest runs`() throws {
            let folder = try TemporaryFolder()
            let odd = try folder.file("odd.img", [UInt8](repeating: 1, count: 1000))
            let disk = try folder.file("disk.img", [UInt8](repeating: 1, count: 512))
            func refuse(_ drives: GuestConfiguration.Drive..., texts: String) throws {
                var configuration = GuestConfiguration.flat("poweroff")
                configuration.drives = drives
                try expectRefusal(configuration, texts)
            }
            try refuse(.init("a", "\(folder.path)/none"), texts: "drives[0].path_on_host: \(folder.path)/none: ENOENT")
            try refuse(.init("a", odd), texts: "it has 1000 bytes, and a drive has whole sectors of 512 bytes")
            try refuse(.init("a", folder.path), texts: "this is a directory; give a regular file or a block device")
            try refuse(.init("a", "/dev/null"), texts: "this is a character device")
            try refuse(.init("a", disk), .init("b", disk), texts: "another program or drive uses it (it is locked)")
        }

        @Test func `a second martlet doesn't get a disk that is in use`() throws {
            let folder = try TemporaryFolder()
            let disk = try folder.file("disk.img", [UInt8](repeating: 1, count: 512))
            var configuration = GuestConfiguration.flat("spin")
            configuration.drives = [.init("a", disk)]
            let first = try Guest(configuration)
            // The lock is taken before anything else is seen of the guest.
            var errors = ""
            for _ in 0..<50 where !errors.contains("locked") {
                let check = try MartletProcess(["check", try configuration.write(to: folder)])
                try check.waitForEnd()
                errors = check.errors
            }
            #expect(errors.contains("\(disk): another program or drive uses it (it is locked)"), "\(errors)")
            first.process.signal(SIGTERM)
            #expect(try first.finish().status == 143)
            let check = try MartletProcess(["check", try configuration.write(to: folder)])
            #expect(try check.waitForEnd() == 0, "\(check.errors)")
        }
    }

    /// Drives and passed-through devices in one guest.
    @Suite(.onEmulatedHost)
    struct DriveBesideDeviceTests {
        @Test func `a disk beside a clock that is passed through`() throws {
            let folder = try TemporaryFolder()
            let path = try folder.file("a.img", [UInt8](repeating: 7, count: 4096), size: 64 << 20)
            var configuration = GuestConfiguration.linux("drive", "martlet.write=1", devices: [.init(HostDevices.rtc)])
            configuration.drives = [.init("a", path)]

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            let written = try md5("seq 9000000 9131071 | head -c 1048576")
            #expect(result.line("vda written") == "vda written \(written)")
            #expect(try md5(of: path, mebibytes: 1, from: 16) == written)
            #expect(try result.report.device(HostDevices.rtc)?.regions.first?.access == "mapped")
            try expectUsable(HostDevices.rtc)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Testing

@testable import Configuration

/// `drives` and `entropy`.
struct DriveTests {
    private func drives(_ text: String) -> String { #"{\#(plainBootSource), "drives": [\#(text)]}"# }

    /// A drive as Firecracker's documentation has it.
    @Test func `a drive of Firecracker's is read`() throws {
        let drive = try decode(
            drives(
                #"""
                {"drive_id": "rootfs", "path_on_host": "/srv/disk.img", "is_root_device": true, "partuuid": null,
                 "is_read_only": false, "cache_type": "Writeback", "io_engine": "Sync", "rate_limiter": null,
                 "socket": null}
                """#)
        ).drives.first
        var expected = Drive(id: "rootfs", path: "/srv/disk.img", isRootDevice: true)
        expected.cache = .writeback
        #expect(drive == expected)
        #expect(drive?.rootArguments == "root=/dev/vda rw")
    }

    @Test func `what is left out has Firecracker's defaults, and a path is relative to the file`() throws {
        let drive = try #require(
            try decode(drives(#"{"drive_id": "a", "path_on_host": "disk.img"}"#), folder: "/srv/vm").drives.first)
        #expect(drive == Drive(id: "a", path: "/srv/vm/disk.img"))
        #expect(drive.cache == .unsafe && drive.engine == .sync && drive.rootArguments == nil)
    }

    @Test func `a partition may have the root file system`() throws {
        let drive = try decode(
            drives(
                #"""
                {"drive_id": "a", "path_on_host": "b", "is_root_device": true, "is_read_only": true,
                 "partuuid": "0eaa91a0-01"}
                """#)
        ).drives.first
        #expect(drive?.rootArguments == "root=PARTUUID=0eaa91a0-01 ro")
    }

    @Test func `io_uring is refused with what is allowed`() {
        #expect(
            problemsOf(drives(#"{"drive_id": "a", "path_on_host": "b", "io_engine": "Async"}"#))
                == [#"drives[0].io_engine: found "Async"; allowed: "Sync""#])
    }

    @Test func `two drives of one name and two root devices are refused`() {
        let first = #"{"drive_id": "a", "path_on_host": "b", "is_root_device": true}"#
        #expect(
            problemsOf(drives("\(first), \(first)")) == [
                #"drives[1].drive_id: found "a", which drives[0] has already; allowed: each drive_id once"#,
                "drives[1].is_root_device: found true, which drives[0] has already; allowed: one root device",
            ])
    }

    @Test func `the command line has to have room for the root device`() {
        func problems(_ count: Int) -> [String] {
            problemsOf(
                #"{"boot-source": {"kernel_image_path": "a", "boot_args": "\#(String(repeating: "n", count: count))"}, "#
                    + #""drives": [{"drive_id": "a", "path_on_host": "b", "is_root_device": true}]}"#)
        }
        // " root=/dev/vda rw" of 2047 bytes.
        #expect(problems(2030) == [])
        #expect(problems(2031).first?.hasPrefix("drives[0].is_root_device: found true, with 2031 bytes of") == true)
    }

    @Test(arguments: ["", "a b", "a/b", "ä", String(repeating: "n", count: 65)])
    func `a drive's name is letters and digits`(name: String) {
        #expect(problemsOf(drives(#"{"drive_id": "\#(name)", "path_on_host": "b"}"#)).count == 1)
    }

    @Test func `limits are read as Firecracker has them, and a bucket without a limit is none`() throws {
        let drive = try decode(
            drives(
                #"""
                {"drive_id": "a", "path_on_host": "b", "rate_limiter": {
                   "bandwidth": {"size": 1048576, "one_time_burst": 4096, "refill_time": 100},
                   "ops": {"size": 50, "refill_time": 1000, "one_time_burst": null}}}
                """#)
        ).drives.first
        #expect(
            drive?.limits
                == RateLimits(
                    bandwidth: .init(size: 1_048_576, oneTimeBurst: 4096, refillMilliseconds: 100),
                    operations: .init(size: 50, refillMilliseconds: 1000)))
        let entropy = try decode(
            #"{\#(plainBootSource), "entropy": {"rate_limiter": {"ops": {"size": 0, "refill_time": 5}}}}"#)
        #expect(entropy.entropy?.limits == RateLimits())
        #expect(problemsOf(drives(#"{"drive_id": "a", "path_on_host": "b", "rate_limiter": {"ops": {}}}"#)) == [])
        #expect(
            problemsOf(drives(#"{"drive_id": "a", "path_on_host": "b", "rate_limiter": {"ops": {"size": 1}}}"#))
                .count == 1)
    }

    @Test func `an empty object is an entropy device, and what says nothing is none`() throws {
        #expect(try decode(#"{\#(plainBootSource), "entropy": {}}"#).entropy == EntropySource())
        #expect(try decode(#"{\#(plainBootSource), "entropy": {"rate_limiter": null}}"#).entropy == EntropySource())
        for value in ["null", "false", "[]"] {
            #expect(try decode(#"{\#(plainBootSource), "entropy": \#(value)}"#).entropy == nil)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// What is wrong with the file itself ends with status 2, before anything is opened.
    @Suite struct ConfigurationErrorTests {
        /// - Returns: what `martlet run` said; it ended with status 2.
        private func refusal(_ text: String, _ command: String = "run") throws -> String {
            let folder = try TemporaryFolder()
            let process = try MartletProcess([command, try folder.file("guest.json", text)])
            #expect(try process.waitForEnd() == 2, "\(process.errors)")
            #expect(process.output.isEmpty)
            return process.errors
        }

        @Test(arguments: ["run", "check", "dtb"]) func `all problems are told at once`(command: String) throws {
            let errors = try refusal(
                """
                {
                  "boot-source": { "kernel_image": "Image" },
                  "machine-config": { "vcpu_count": 33, "mem_size_mib": "much" },
                  "platform-devices": [{ "host": "a" }, { "host": "a", "no_mmap": 1 }, {}]
                }
                """, command)

            for path in [
                "boot-source.kernel_image: found an unknown key", "did you mean \"kernel_image_path\"?",
                "machine-config.vcpu_count: found 33; allowed: ", "machine-config.mem_size_mib: found \"much\"",
                "platform-devices[1]", "platform-devices[1].no_mmap: found 1", "platform-devices[2]: found neither",
            ] {
                #expect(errors.contains(path), "\"\(path)\" is not in: \(errors)")
            }
        }

        @Test func `device listed twice is refused`() throws {
            try expectRefusal(
                .flat("poweroff", devices: ["9010000.pl031", .init(sysfsdev: "/sys/bus/amba/devices/9010000.pl031")]),
                status: 2, "platform-devices[1]", "9010000.pl031", "platform-devices[0]", "each device once")
        }

        @Test func `text that is no JSON is refused`() throws {
            let errors = try refusal("{ \"boot-source\": ")

            #expect(errors.contains("the configuration is not JSON"))
            #expect(errors.contains("line 1, column "))
        }
    }
}

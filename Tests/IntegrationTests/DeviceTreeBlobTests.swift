// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

extension Integration {
    /// `martlet dtb`: the device tree that the guest gets.
    @Suite struct DeviceTreeBlobTests {
        @Test(.onEmulatedHost, arguments: exampleConfigurations) func `example is clean under dtc`(name: String) throws
        {
            try expectCleanDeviceTree(ofExample: name)
        }

        @Test func `blob on standard output is the same`() throws {
            let folder = try TemporaryFolder()
            let configuration = try GuestConfiguration.linux("cpus").write(to: folder)
            let expected = try deviceTreeBlob(of: configuration)

            let process = try MartletProcess(["dtb", configuration])

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
            expectWhole(Data(process.outputBytes))
            #expect(differences(Data(process.outputBytes), expected).count <= randomBytes)
        }

        @Test func `blob is not for terminals`() throws {
            let folder = try TemporaryFolder()
            let configuration = try GuestConfiguration.linux("cpus").write(to: folder)

            let process = try MartletProcess(["dtb", configuration], .init(terminal: try PseudoTerminal()))

            #expect(try process.waitForEnd() == 2)
            #expect(process.errors.contains("can't write a blob to a terminal"))
            #expect(process.output.isEmpty)
        }

        @Test func `full disk is an error`() throws {
            let folder = try TemporaryFolder()
            let configuration = try GuestConfiguration.linux("cpus").write(to: folder)

            let process = try MartletProcess(["dtb", configuration, "-o", "/dev/full"])

            #expect(try process.waitForEnd() == 1)
            #expect(process.errors.contains("martlet: /dev/full: ENOSPC"))
        }

        /// The guest shows what it got; only /chosen/rng-seed, which its kernel wipes out as well, may differ.
        @Test(.onEmulatedHost)
        func `guest gets the same tree`() throws {
            let folder = try TemporaryFolder()
            let configuration = GuestConfiguration.linux(
                "fdt", vcpus: 2, devices: [.init(HostDevices.rtc), .init(HostDevices.gpio)])
            let expected = try deviceTreeBlob(of: try configuration.write(to: folder))

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            let lines = result.output.split(separator: "\n")
            let start = try #require(lines.firstIndex(of: "martlet-guest: fdt begin"))
            let end = try #require(lines.firstIndex(of: "martlet-guest: fdt end"))
            let text = lines[lines.index(after: start)..<end].joined()
            let found = try #require(Data(base64Encoded: text))
            #expect(found.count == expected.count)
            let differences = differences(found, expected)
            if let first = differences.first, let last = differences.last {
                // FDT_PROP, its length, its name, its value.
                #expect(last - first < 12 + randomBytes)
            }
        }

        /// The length of /chosen/rng-seed.
        private let randomBytes = 64

        private func differences(_ left: Data, _ right: Data) -> [Int] {
            zip(left, right).enumerated().filter { $1.0 != $1.1 }.map(\.offset)
        }
    }
}

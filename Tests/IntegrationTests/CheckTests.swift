// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

extension Integration {
    /// `martlet check`: all checks, and nothing is left behind.
    @Suite struct CheckTests {
        private func check(_ file: String) throws -> MartletProcess {
            let process = try MartletProcess(["check", file])
            try process.waitForEnd()
            return process
        }

        @Test func `there are examples`() { #expect(exampleConfigurations.count >= 6) }

        @Test(
            .onEmulatedHost, arguments: exampleConfigurations)
        func `example is fine`(name: String) throws {
            let file = "\(Host.configurations)/\(name)"

            let process = try check(file)

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
            #expect(process.output.hasSuffix("\(file): ok\n"))
            #expect(process.errors.isEmpty)
            for device in HostDevices.all where try String(contentsOfFile: file, encoding: .utf8).contains(device) {
                #expect(process.output.contains("device \(device): group "))
                try expectUsable(device)
            }
        }

        @Test(.onEmulatedHost)
        func `problems are told together`() throws {
            try HostDevices.giveToHost(HostDevices.rtc)
            var configuration = GuestConfiguration.flat(
                "poweroff",
                devices: [.init(HostDevices.rtc), "nothing", .init(HostDevices.gpio, guestAddress: "0x80000000")])
            configuration.source.kernel = "/nowhere"
            let folder = try TemporaryFolder()

            let process = try check(try configuration.write(to: folder))

            #expect(try process.waitForEnd() == 1)
            for text in [
                "martlet: boot-source.kernel_image_path: /nowhere: ENOENT",
                "martlet: \(HostDevices.rtc): no VFIO group",
                "martlet: nothing: no such device", "martlet: \(HostDevices.gpio): ",
            ] {
                #expect(process.errors.contains(text), "\"\(text)\" is not in: \(process.errors)")
            }
            #expect(process.output.isEmpty)
            try HostDevices.bindAll()
            try expectUsable(HostDevices.gpio)
        }

        @Test func `guest that would run for ever is not started`() throws {
            let folder = try TemporaryFolder()

            let process = try check(try GuestConfiguration.flat("spin").write(to: folder))

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
            #expect(process.output.contains("machine: 1 vCPUs, 16 MiB"))
        }
    }
}

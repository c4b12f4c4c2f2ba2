// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// A guest that asks for a reset, with a device that goes on with what the guest has told it to do.
    @Suite(.onEmulatedHost)
    struct RestartTests {
        init() throws { try HostDevices.bind(HostDevices.edu) }

        private static let cause =
            "nothing resets the device: the host's kernel can't reset it, and Martlet has no recipe for qemu,edu"

        /// edu has no reset: it keeps the addresses of the copy that the first guest has prepared.
        private func configuration(vfio: String, dma: String = "iommu", isAllowed: Bool? = nil) -> GuestConfiguration {
            var device = GuestConfiguration.Device(HostDevices.edu, guestAddress: "0xc000000")
            device.dma = dma
            var configuration = GuestConfiguration.flat("restart", devices: [device])
            configuration.vfio = vfio
            configuration.onReset = "restart"
            configuration.allowsUnresetRestart = isAllowed
            return configuration
        }

        @Test(arguments: ["cdev", "group"])
        func `a device without a reset ends the machine instead of another start`(vfio: String) throws {
            let reason = "\(HostDevices.edu): \(Self.cause)"

            let result = try Guest.run(configuration(vfio: vfio))

            #expect(result.status == 3, "\(result.errors)")
            #expect(result.output == "1\n")
            let report = try result.report
            #expect(report.restarts == 0 && report.exit.reason == "reset" && report.exit.status == 3)
            #expect(report.exit.detail == "not restarted: \(reason)")
            #expect(result.errors.contains("the guest asked for a reset, and Martlet doesn't restart it: \(reason)\n"))
            #expect(result.errors.contains("guest: reset (not restarted: \(reason))\n"), "\(result.errors)")
            try forget()
        }

        @Test func `check refuses another start with a device without a reset`() throws {
            let folder = try TemporaryFolder()
            let check = try MartletProcess(["check", try configuration(vfio: "auto").write(to: folder)])
            #expect(try check.waitForEnd() == 1)
            #expect(
                check.errors.contains(
                    "\(HostDevices.edu): on_reset is \"restart\", but \(Self.cause)\n"),
                "\(check.errors)")
            #expect(check.errors.contains("allow_unreset_restart"), "\(check.errors)")

            for allowed in [
                configuration(vfio: "auto", isAllowed: true), configuration(vfio: "auto", dma: "none"),
            ] {
                let check = try MartletProcess(["check", try allowed.write(to: folder)])
                #expect(try check.waitForEnd() == 0, "\(check.errors)")
            }
        }

        /// Has the device go on, once the second guest runs, with the copy that the first has prepared.
        private func runWithCopy(_ configuration: GuestConfiguration) throws -> Guest.Result {
            let guest = try Guest(configuration)
            try guest.process.waitForOutput("2 0000000000000000 ")
            // docs/specs/edu.rst: the command, to copy from the device to RAM. It takes 100 ms.
            try HoldModule.shell("devmem 0x10000098 64 3")
            return try guest.finish()
        }

        /// This is what the refusal is for.
        @Test func `where it is allowed the last guest's copy lands in the new guest's RAM`() throws {
            let result = try runWithCopy(configuration(vfio: "auto", isAllowed: true))

            #expect(result.status == 0, "\(result.errors)")
            #expect(try result.report.restarts == 1)
            #expect(result.output == "1\n2 0000000000000000 0123456789abcdef\n")
        }

        /// Nothing is mapped for it, so that what it goes on with faults, in the time of the next guest, too.
        @Test func `a device that reaches nothing is in nobody's way`() throws {
            let result = try runWithCopy(configuration(vfio: "auto", dma: "none"))

            #expect(result.status == 0, "\(result.errors)")
            #expect(try result.report.restarts == 1)
            #expect(result.output == "1\n2 0000000000000000 0000000000000000\n", "\(result.output)")
        }

        /// Has the guest start for the second time, so that the device's registers say again what they said at first.
        private func forget() throws {
            let result = try Guest.run(configuration(vfio: "auto", dma: "none"))
            #expect(result.output.hasPrefix("2 "), "\(result.output)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

extension Integration {
    /// Linux boots, with what the configuration says.
    @Suite struct BootTests {
        @Test(arguments: [1, 2, 4]) func `boots with CPUs`(count: Int) throws {
            let result = try Guest.run(.linux("cpus", vcpus: count))

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus \(count)")
            let controller = Host.hasOldInterruptController ? "GIC-0" : "GICv3"
            #expect(result.line("timer")?.contains(controller) == true, "\(result.output)")
            let report = try result.report
            #expect(report.devices.isEmpty)
            #expect(report.exits.mmioWrites > 0, "the console is trapped")
            #expect(report.exits.systemEvents == 1)
            #expect(report.droppedConsoleBytes == 0)
        }

        /// No more than the lines in use need: each is a register or two for the guest to write, and an object of
        /// KVM's.
        @Test func `the interrupt controller has 64 interrupts to share`() throws {
            var configuration = GuestConfiguration.linux("cpus")
            configuration.source.arguments = configuration.source.arguments?.split(separator: " ")
                .filter { $0 != "quiet" }.joined(separator: " ")

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            // The driver of a GICv2 doesn't say.
            if !Host.hasOldInterruptController {
                #expect(result.output.contains("GICv3: 64 SPIs implemented"), "\(result.output)")
            }
        }

        @Test func `boots compressed kernel`() throws {
            let result = try Guest.run(.linux("cpus", kernel: "Image.gz"))

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus 1")
        }

        /// What `make vmlinuz.efi` leaves: an EFI program with the kernel as its payload.
        @Test(arguments: ["gzip", "zstd22"])
        func `boots zboot kernel`(compression: String) throws {
            let folder = try TemporaryFolder()
            var configuration = GuestConfiguration.linux("cpus")
            configuration.source.kernel = try folder.file("vmlinuz.efi", try KernelFiles.zboot(compression))

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus 1")
            #expect(!result.errors.contains("warning"), "\(result.errors)")
        }

        /// Two members, as pigz and others make them, and what somebody has put behind.
        @Test func `boots kernel of several gzip members`() throws {
            let folder = try TemporaryFolder()
            // RFC 1952: a member without data.
            let empty: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            let image = try Data(contentsOf: URL(fileURLWithPath: Host.image("Image.gz")))
            var configuration = GuestConfiguration.linux("cpus")
            configuration.source.kernel = try folder.file("Image.gz", empty + image + Array("signature".utf8))

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus 1")
            #expect(result.errors.contains("Martlet ignores the data after the compressed kernel"), "\(result.errors)")
        }

        /// The CPUs of the emulated host with a GICv3 have all sizes of pages, and both byte orders.
        @Test(.onEmulatedHost, arguments: [0, 2, 4, 6, 1] as [UInt8])
        func `boots Image for any pages`(flags: UInt8) throws {
            let folder = try TemporaryFolder()
            var configuration = GuestConfiguration.flat("poweroff")
            configuration.source.kernel = try folder.file("Image", try KernelFiles.flat("poweroff", flags: flags))

            let result = try Guest.run(configuration)

            #expect(result.status == 0, "\(result.errors)")
        }

        @Test func `console that is not there is warned of`() throws {
            var configuration = GuestConfiguration.flat("poweroff")
            configuration.source.arguments = "console=ttyAMA0"

            let result = try Guest.run(configuration)

            #expect(result.status == 0)
            #expect(
                result.errors.contains(#"boot-source.boot_args: "console=ttyAMA0": this machine has no such console"#))
            #expect(result.errors.contains("use console=ttyS0"), "\(result.errors)")
        }

        /// The kernel finds no root file system, panics, and restarts.
        @Test func `boots without initrd`() throws {
            var configuration = GuestConfiguration.linux("cpus")
            configuration.source.initrd = nil

            let result = try Guest.run(configuration)

            #expect(result.status == 3, "\(result.errors)")
            #expect(result.output.contains("Kernel panic - not syncing: VFS"))
            #expect(try result.report.exit.reason == "reset")
        }

        @Test func `guest has the memory that it was given`() throws {
            let mebibytes = 300
            let result = try Guest.run(.linux("cpus", mebibytes: mebibytes))

            try expectPowerOff(result)
            let total = try #require(result.numbers("memory").first) / 1024
            // The kernel keeps its own image and the map of all pages to itself.
            #expect(total > mebibytes - 24 && total <= mebibytes)
        }

        @Test func `emulated clock rings when none is passed through`() throws {
            let result = try Guest.run(.linux("rtc", "martlet.alarms=1"))

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [1, 1, 1])
        }

        @Test func `guest that asks for reset ends with three`() throws {
            let result = try Guest.run(.linux("reboot"))

            #expect(result.status == 3, "\(result.errors)")
            #expect(result.line("reboot") != nil)
            let exit = try result.report.exit
            #expect(exit.reason == "reset" && exit.status == 3)
        }

        @Test func `nothing reads as zero and is counted`() throws {
            let result = try Guest.run(.linux("nothing"))

            try expectPowerOff(result)
            #expect(result.line("nothing") == "nothing read 0x00000000 0x00")
            let unclaimed = try result.report.unclaimed
            #expect(unclaimed.reads == 2 && unclaimed.writes == 1)
            // Said once for the page, not once for each access.
            let warnings = result.errors.split(separator: "\n").filter { $0.contains("where no device is") }
            #expect(warnings == ["martlet: warning: the guest read 4 bytes at 0xffff000, where no device is"])
        }
    }
}

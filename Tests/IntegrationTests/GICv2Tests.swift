// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// A host whose interrupt controller is of version 2.
    @Suite(.enabled(if: Host.hasOldInterruptController, "this host's interrupt controller is no GICv2"))
    struct GICv2Tests {
        @Test(arguments: [1, 2, 4]) func `boots with CPUs`(count: Int) throws {
            let result = try Guest.run(.linux("cpus", vcpus: count))

            try expectPowerOff(result)
            #expect(result.line("cpus") == "cpus \(count)")
            #expect(result.line("timer")?.contains("GIC-0") == true, "\(result.output)")
        }

        @Test func `more CPUs than the host allows`() throws {
            try expectRefusal(
                .flat("poweroff", vcpus: 9), "machine-config.vcpu_count is 9", "at most 8",
                "reduce machine-config.vcpu_count")
        }

        @Test(.onEmulatedHost)
        func `alarms reach guest without exits`() throws {
            let (result, hostCount) = try runCountingInterrupts(alarms: 2)

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])
            #expect(hostCount == 2)
            let device = try #require(try result.report.device(HostDevices.rtc))
            #expect(device.interrupts.map(\.count) == [2])
            #expect(device.interrupts.map(\.path) == ["irqfd"])
            let region = try #require(device.regions.first)
            #expect(region.access == "mapped" && region.reads == 0 && region.writes == 0)
            try expectUsable(HostDevices.rtc)
        }

        /// The emulated host with a GICv2 has CPUs without pages of 16 KiB (Cortex-A72), on which such a kernel hangs.
        @Test(.onEmulatedHost)
        func `image for pages that the CPUs lack is refused`() throws {
            let folder = try TemporaryFolder()
            var configuration = GuestConfiguration.flat("poweroff")
            configuration.source.kernel = try folder.file("Image", try KernelFiles.flat("poweroff", flags: 4))
            let text = "the kernel uses pages of 16 KiB, and this host's CPUs support pages of 4 and 64 KiB"

            try expectRefusal(configuration, text, "CONFIG_ARM64_4K_PAGES")

            for devices in [[], ["nothing"]] as [[GuestConfiguration.Device]] {
                configuration.devices = devices
                let process = try MartletProcess(["check", try configuration.write(to: folder)])
                #expect(try process.waitForEnd() == 1)
                #expect(process.errors.contains(text), "\(process.errors)")
            }
            configuration.devices = []
            configuration.source.kernel = try folder.file("Image64", try KernelFiles.flat("poweroff", flags: 6))
            #expect(try Guest.run(configuration).status == 0)
        }

        // MARK: Interrupts that can't be lost or stuck

        @Test(.onEmulatedHost) func `every alarm comes`() throws { try InterruptProof.everyAlarmComes("irqfd") }

        @Test(.onEmulatedHost, arguments: ["e", "ce"])
        func `line that is high at the start is delivered`(letters: String) throws {
            try InterruptProof.lineThatIsHighAtTheStartIsDelivered("irqfd", letters: letters)
        }

        @Test(.onEmulatedHost) func `line may go high in each window`() throws {
            try InterruptProof.lineMayGoHighInEachWindow("irqfd")
        }

        @Test(.onEmulatedHost) func `devices interrupt together`() throws {
            try InterruptProof.devicesInterruptTogether("irqfd")
        }

        @Test(.onEmulatedHost) func `disabled interrupt comes once it is enabled`() throws {
            try InterruptProof.disabledInterruptComesOnceItIsEnabled("irqfd")
        }

        @Test(.onEmulatedHost) func `reset with a high line loses nothing`() throws {
            try InterruptProof.resetWithAHighLineLosesNothing("irqfd")
        }

        @Test(.onEmulatedHost) func `storm leaves the host its time`() throws {
            let effect = try InterruptProof.storm("irqfd")
            print("storm on irqfd, GICv2: \(effect)")
            expectBearable(effect)
        }

        // MARK: The rest

        @Test(.onEmulatedHost)
        func `guest drives device behind IOMMU`() throws {
            let result = try Guest.run(.linux("gpio", devices: [.init(HostDevices.gpio)]))

            try expectPowerOff(result)
            #expect(result.output.contains(".pl061 lines 8\n"), "\(result.output)")
            #expect(try result.report.devices.map(\.isolation) == ["iommu"])
            try expectUsable(HostDevices.gpio)
        }

        @Test(.onEmulatedHost, arguments: exampleConfigurations)
        func `example is clean under dtc`(name: String) throws { try expectCleanDeviceTree(ofExample: name) }

        @Test func `flat guest powers off`() throws {
            let result = try Guest.run(.flat("first", vcpus: 8))

            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "A")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// The host's other devices, several at once, and where the guest sees them.
    @Suite(.onEmulatedHost)
    struct DevicePassthroughTests {
        @Test func `guest drives GPIO behind IOMMU`() throws {
            let result = try Guest.run(.linux("gpio", devices: [.init(HostDevices.gpio)]))

            try expectPowerOff(result)
            let report = try result.report
            let device = try #require(report.device(HostDevices.gpio))
            let region = try #require(device.regions.first)
            let address = region.guestAddress.dropFirst(2).drop { $0 == "0" }
            // The power key has one of its own.
            #expect(result.output.contains("gpiochip \(address).pl061 lines 8\n"), "\(result.output)")
            #expect(device.isolation == "iommu")
            #expect(region.access == "mapped" && region.reads == 0 && region.writes == 0)
            #expect(device.interrupts.map(\.trigger) == ["level"])
            try expectUsable(HostDevices.gpio)
        }

        /// The interrupt is VFIO's own loop-back: the handler runs as if the line had been raised.
        @Test(arguments: [(HostDevices.virtio, "none"), (HostDevices.isolatedVirtio, "iommu")])
        func `guest reads trapped transport and gets its edge interrupt`(name: String, isolation: String) throws {
            let guest = try Guest(.linux("virtio", "martlet.wait-irq=3", devices: [.init(name)]))
            try guest.process.waitForOutput("martlet-guest: virtio waiting")

            for number in 1...3 {
                try guest.process.raiseInterrupt()
                try guest.process.waitForOutput("martlet-guest: virtio irq \(number)")
            }

            let result = try guest.finish()
            try expectPowerOff(result)
            #expect(result.line("virtio magic") == "virtio magic 0x74726976")
            #expect(result.line("virtio interrupts") == "virtio interrupts 3 of 3 counted 3")
            let device = try #require(try result.report.device(name))
            #expect(device.isolation == isolation)
            let region = try #require(device.regions.first)
            #expect(region.access == "trapped" && region.size == 512)
            #expect(region.reads > 0)
            #expect(device.interrupts.map(\.trigger) == ["edge"])
            #expect(device.interrupts.map(\.path) == ["irqfd"])
            try expectUsable(name)
        }

        /// One without an IOMMU, the other in a group of its own: two containers, one VM.
        @Test func `two devices at once`() throws {
            let result = try Guest.run(
                .linux(
                    "devices", "martlet.alarms=2", vcpus: 2, devices: [.init(HostDevices.rtc), .init(HostDevices.gpio)])
            )

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])
            #expect(result.output.contains(".pl061 lines 8\n"), "\(result.output)")
            let devices = try result.report.devices
            #expect(devices.map(\.host) == [HostDevices.rtc, HostDevices.gpio])
            #expect(devices.map(\.isolation) == ["none", "iommu"])
            #expect(devices.first?.interrupts.first?.count == 2)
            #expect(Set(devices.flatMap { $0.interrupts.map(\.spi) }).count == 2)
            #expect(Set(devices.flatMap { $0.regions.map(\.guestAddress) }).count == 2)
            try expectUsable(HostDevices.rtc, HostDevices.gpio)
        }

        @Test func `all four devices at once`() throws {
            let result = try Guest.run(.linux("virtio", devices: HostDevices.all.map { .init($0) }))

            try expectPowerOff(result)
            let magics = result.output.split(separator: "\n").filter { $0 == "martlet-guest: virtio magic 0x74726976" }
            #expect(magics.count == 2)
            #expect(try result.report.devices.map(\.host) == HostDevices.all)
        }

        @Test func `fixed guest address`() throws {
            let result = try Guest.run(
                .linux(
                    "rtc", "martlet.alarms=1", devices: [.init(HostDevices.rtc, guestAddress: "0x30000000")]))

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [1, 1, 1])
            #expect(result.line("rtc name")?.contains("30000000.pl031") == true)
            #expect(try result.report.devices.first?.regions.first?.guestAddress == "0x30000000")
        }

        /// 1:1, in the middle of the board's own addresses.
        @Test(arguments: [(HostDevices.rtc, "0x9010000"), (HostDevices.gpio, "0x9030000")])
        func `guest address of the host`(name: String, address: String) throws {
            let script = name == HostDevices.rtc ? "rtc" : "gpio"

            let result = try Guest.run(
                .linux(script, "martlet.alarms=1", devices: [.init(name, guestAddress: "host")]))

            try expectPowerOff(result)
            let region = try #require(try result.report.devices.first?.regions.first)
            #expect(region.guestAddress == address && region.hostAddress == address)
        }

        @Test(arguments: [("0x8000000", "interrupt controller"), ("0x9000000", "serial port"), ("0x80000000", "RAM")])
        func `address that is taken is refused`(address: String, owner: String) throws {
            try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc, guestAddress: address)]), HostDevices.rtc, address,
                "overlaps \(owner)")
            try expectUsable(HostDevices.rtc)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// Each path of an interrupt to the guest, with the host's own devices.
    @Suite(.onEmulatedHost)
    struct InterruptPathTests {
        @Test(arguments: ["irqfd", "relay", "eventfd"]) func `alarms reach the guest`(path: String) throws {
            let result = try Guest.run(
                .linux("rtc", "martlet.alarms=2", devices: [.on(path, HostDevices.rtc, mapTimeout: 20)]))

            try expectPowerOff(result)
            // Armed and received; the guest's own count may be higher with eventfd, whose end of interrupt is a guess.
            #expect(result.numbers("alarms").prefix(2) == [2, 2])
            if path != "eventfd" { #expect(result.numbers("alarms").last == 2) }
            let device = try #require(try result.report.device(HostDevices.rtc))
            let interrupt = try #require(device.interrupts.first)
            let region = try #require(device.regions.first)
            #expect(interrupt.path == path)
            #expect(region.access == "mapped")
            switch path {
            case "irqfd": #expect(interrupt.counters == nil && interrupt.count == 2 && interrupt.reasons.isEmpty)
            case "relay":
                let counters = try #require(interrupt.counters)
                #expect(counters.raised == 2 && counters.delivered == 2 && counters.ended == 2)
                #expect(counters.coalesced == 0 && counters.stormHeld == 0)
            default:
                // The driver looks at the status first, which ends the interrupt while the line is still high.
                let counters = try #require(interrupt.counters)
                #expect(counters.raised >= 2)
                #expect(counters.delivered == counters.raised && counters.ended == counters.raised)
                #expect(counters.queued == 0 && counters.coalesced == 0)
                #expect(device.unmaps == 2 && device.maps == 2)
            }
            if path != "eventfd" {
                #expect(region.reads == 0 && region.writes == 0 && device.unmaps == 0)
            }
            try expectUsable(HostDevices.rtc)
        }

        /// PL031 TRM (ARM DDI 0224), 3.3.7: RTCICR at 0x1C clears the interrupt. A write there is the end, and nothing
        /// else.
        @Test func `with the ends place each alarm is raised once`() throws {
            let device = GuestConfiguration.Device.on(
                "eventfd", HostDevices.rtc, mapTimeout: 1, endOfInterrupt: ["offset": 0x1C, "length": 4])
            let result = try Guest.run(.linux("rtc", "martlet.alarms=2", devices: [device]))

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])
            let report = try #require(try result.report.device(HostDevices.rtc))
            let counters = try #require(report.interrupts.first?.counters)
            #expect(counters.raised == 2 && counters.delivered == 2 && counters.ended == 2)
        }

        /// 0 never maps them again: all that the driver does after the first interrupt traps.
        @Test func `without a time out the region stays trapped`() throws {
            let result = try Guest.run(
                .linux("rtc", "martlet.alarms=2", devices: [.on("eventfd", HostDevices.rtc, mapTimeout: 0)]))

            try expectPowerOff(result)
            #expect(result.numbers("alarms").prefix(2) == [2, 2])
            let report = try #require(try result.report.device(HostDevices.rtc))
            #expect(report.unmaps == 1 && report.maps == 0)
            #expect(try #require(report.regions.first).reads > 2)
        }

        /// SIGUSR1 shows the counters, and the guest goes on.
        @Test func `counters are shown while the guest runs`() throws {
            let guest = try Guest(
                .linux("rtc", "martlet.alarms=2", devices: [.on("relay", HostDevices.rtc)]))
            try guest.process.waitForOutput("martlet-guest: rtc time")

            guest.process.signal(SIGUSR1)

            let result = try guest.finish()
            try expectPowerOff(result)
            #expect(result.errors.split(separator: "\n").count { $0.hasPrefix("    raised ") } == 2)
        }

        @Test func `check says which path and why not a better one`() throws {
            let folder = try TemporaryFolder()
            var device = GuestConfiguration.Device(HostDevices.rtc)
            device.stormLimit = 100
            let file = try GuestConfiguration.flat("poweroff", devices: [device]).write(to: folder)
            let process = try MartletProcess(["check", file, "--trace", "*start_relay*"])

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
            #expect(process.output.contains("path relay"))
            #expect(process.output.contains("not irqfd: storm_limit needs the relay"))
            #expect(process.errors.contains("vfio_platform_start_relay_injection 9010000.pl031 index 0"))
        }

        @Test func `a pattern that matches nothing is a usage error`() throws {
            let process = try MartletProcess(["check", "nothing.json", "--trace", "no_such_event"])
            #expect(try process.waitForEnd() == 2)
            #expect(process.errors.contains("no trace event matches"))
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// The host's PL031: a mappable region, a level interrupt, and no IOMMU. (Its clock says the time of the emulated
    /// board.)
    @Suite(.onEmulatedHost)
    struct RTCPassthroughTests {
        @Test func `twenty alarms reach guest without exits`() throws {
            let start = Int(time(nil))
            let (result, hostCount) = try runCountingInterrupts(alarms: 20)

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [20, 20, 20], "armed, received, interrupts counted by the guest")
            #expect(hostCount == 20)
            // The host's clock is what the guest reads.
            let seconds = try #require(result.numbers("rtc time").first)
            #expect((start...Int(time(nil))).contains(seconds))
            let device = try #require(try result.report.device(HostDevices.rtc))
            #expect(device.isolation == "none")
            #expect(device.group == HostDevices.group(of: HostDevices.rtc))
            let interrupt = try #require(device.interrupts.first)
            #expect(interrupt.count == 20)
            #expect(interrupt.trigger == "level" && interrupt.path == "irqfd")
            let region = try #require(device.regions.first)
            #expect(region.access == "mapped")
            #expect(region.reads == 0 && region.writes == 0)
            #expect(region.hostAddress == "0x9010000" && region.size == 4096)
            #expect(device.regions.count == 1 && device.interrupts.count == 1)
            try expectUsable(HostDevices.rtc)
        }

        @Test func `trapped alarms reach guest and exits are counted`() throws {
            let (result, hostCount) = try runCountingInterrupts(alarms: 2, isTrapped: true)

            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])
            #expect(hostCount == 2)
            let report = try result.report
            let device = try #require(report.device(HostDevices.rtc))
            #expect(device.interrupts.first?.count == 2)
            #expect(device.interrupts.first?.path == "irqfd")
            let region = try #require(device.regions.first)
            #expect(region.access == "trapped")
            // Each alarm is armed, enabled and acknowledged by writes, after a look at the clock.
            #expect(region.reads >= 2 && region.writes >= 6)
            #expect(report.exits.mmioReads >= region.reads && report.exits.mmioWrites >= region.writes)
        }

        @Test func `device is named by its folder too`() throws {
            let folder = HostDevices.folder(HostDevices.rtc)

            let result = try Guest.run(.flat("poweroff", devices: [.init(sysfsdev: folder)]))

            #expect(result.status == 0, "\(result.errors)")
            #expect(try result.report.devices.map(\.host) == [HostDevices.rtc])
        }

        @Test(arguments: [(SIGTERM, 143), (SIGINT, 130)])
        func `device is given back at signal`(number: CInt, status: Int) throws {
            let guest = try Guest(.linux("rtc", "martlet.alarms=100", devices: [.init(HostDevices.rtc)]))
            try guest.process.waitForOutput("martlet-guest: rtc time")

            guest.process.signal(number)

            let result = try guest.finish(patience: 20)
            #expect(result.status == status, "\(result.errors)")
            #expect(try result.report.exit.reason == "signal \(number)")
            #expect(HostDevices.vfioLines() == [])
            try expectUsable(HostDevices.rtc)
        }

        /// SIGKILL leaves nothing to Martlet: the kernel has to be able to clean up what it was asked for.
        @Test(arguments: [0.02, 0.1, 0.3, 0.6]) func `device is usable after kill during boot`(seconds: Double) throws {
            let guest = try Guest(.linux("rtc", devices: [.init(HostDevices.rtc)]))
            guest.process.read(seconds: seconds)

            guest.process.signal(SIGKILL)

            #expect(try guest.finish().status == 256 + Int(SIGKILL))
            try expectUsable(HostDevices.rtc)
        }

        @Test func `alarms reach guest after kill during alarms`() throws {
            let guest = try Guest(.linux("rtc", "martlet.alarms=100", devices: [.init(HostDevices.rtc)]))
            try guest.process.waitForOutput("martlet-guest: rtc time")
            guest.process.read(seconds: 1.5)

            guest.process.signal(SIGKILL)
            #expect(try guest.finish().status == 256 + Int(SIGKILL))

            let result = try Guest.run(.linux("rtc", "martlet.alarms=2", devices: [.init(HostDevices.rtc)]))
            try expectPowerOff(result)
            #expect(result.numbers("alarms") == [2, 2, 2])
        }
    }
}

/// Runs the guest that sets alarms; also counts what the host's own counter of VFIO's interrupt line says.
func runCountingInterrupts(
    alarms: Int, isTrapped: Bool? = nil
) throws -> (result: Guest.Result, hostCount: Int?) {
    let before = HostDevices.interruptCounts()
    let guest = try Guest(
        .linux("rtc", "martlet.alarms=\(alarms)", devices: [.init(HostDevices.rtc, isTrapped: isTrapped)]))
    try guest.process.waitForOutput("martlet-guest: rtc time")
    let lines = HostDevices.vfioLines()
    #expect(lines.count == 1)
    let result = try guest.finish(patience: 60 + 3 * Double(alarms))
    let after = HostDevices.interruptCounts()
    let line = try #require(lines.first)
    return (result, after[line].map { $0 - (before[line] ?? 0) })
}

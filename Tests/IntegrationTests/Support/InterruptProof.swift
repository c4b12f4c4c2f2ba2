// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

/// The proofs for each path of an interrupt, and for each version of the interrupt controller.
enum InterruptProof {
    static let paths = ["irqfd", "relay", "eventfd"]

    private static func clock(_ path: String, stormLimit: Int? = nil) -> GuestConfiguration.Device {
        // So short that the regions are unmapped and mapped between alarms.
        var device = RemoteGuest.device(HostDevices.rtc, path, mapTimeout: 2, stormLimit: stormLimit)
        // A reset would lower the line.
        device.reset = .word("none")
        return device
    }

    /// All of 200 alarms arrive, and are counted.
    static func everyAlarmComes(_ path: String) throws {
        let guest = try RemoteGuest([clock(path)])
        try guest.tell("e")

        let numbers = try guest.ask("A", "alarms")

        #expect(numbers.prefix(2) == [200, 200], "armed and received")
        let device = try #require(try guest.finish().report.device(HostDevices.rtc))
        let interrupt = try #require(device.interrupts.first)
        #expect(interrupt.path == path)
        if path == "eventfd" {
            // The handler's read of the status ends the interrupt while the line is high, so it fires again.
            let counters = try #require(interrupt.counters)
            #expect(counters.raised >= 200 && counters.raised == counters.ended + counters.coalesced)
            #expect(counters.delivered == counters.ended)
            #expect(device.unmaps > 0 && device.unmaps - device.maps <= 1)
        } else {
            #expect(numbers.last == 200 && interrupt.count == 200)
            #expect(device.regions.allSatisfy { $0.reads == 0 && $0.writes == 0 })
            if let counters = interrupt.counters {
                #expect(counters.delivered == 200 && counters.ended == 200 && counters.coalesced == 0)
            }
        }
    }

    /// The line is already high before Martlet starts, left so by the previous user.
    /// - Parameter letters: the guest's first actions: "e" enables the interrupt; "c" first clears pending interrupts,
    ///   as a careful kernel does. A level-triggered line that is high stays pending anyway (IHI 0048, 4.3.8).
    static func lineThatIsHighAtTheStartIsDelivered(_ path: String, letters: String) throws {
        defer { try? HostClock.silence() }
        try HostClock.raise()
        let guest = try RemoteGuest([clock(path)])

        try guest.tell(letters)

        try expectOneInterrupt(guest, path)
        try guest.expectAlarms()
        let device = try #require(try guest.finish().report.device(HostDevices.rtc))
        if path != "eventfd" { #expect(device.interrupts.map(\.count) == [11]) }
    }

    /// The line goes high at each point of the set-up: before each call about interrupts, and before the guest's first
    /// instruction.
    /// - Returns: the calls, in order.
    @discardableResult static func lineMayGoHighInEachWindow(_ path: String) throws -> [String] {
        func setUp(_ calls: [String]) -> ArraySlice<String> {
            calls.prefix((calls.firstIndex(of: "SET_IRQS trigger eventfd") ?? -1) + 1)
        }
        let calls = setUp(try runWithLineRaised(path, beforeCall: 0, stopsRuns: false))
        for call in calls.indices.dropFirst() {
            #expect(setUp(try runWithLineRaised(path, beforeCall: call, stopsRuns: false)) == calls)
        }
        // The guest's first entry; the runs above don't stop entries, because there are so many.
        return Array(try runWithLineRaised(path, beforeCall: calls.count, stopsRuns: true).prefix(calls.count + 1))
    }

    private static func runWithLineRaised(_ path: String, beforeCall call: Int, stopsRuns: Bool) throws -> [String] {
        defer { try? HostClock.silence() }
        var served = 0
        let gate = Gate(stopsRuns: stopsRuns) { _ in
            if served == call {
                try HostClock.raise()
                // Long enough for the interrupt to be delivered as far as possible.
                usleep(10_000)
            }
            served += 1
            return .goOn
        }
        let guest = try RemoteGuest([clock(path)], gate: gate)
        let calls = gate.calls
        try guest.tell("e")
        try expectOneInterrupt(guest, path)
        try guest.expectAlarms()
        _ = try guest.finish()
        #expect(calls.count > call, "there is no such window")
        return calls
    }

    /// Three devices at once: two with level-triggered lines that go high together, and one with an edge.
    static func devicesInterruptTogether(_ path: String) throws {
        let devices = [HostDevices.rtc, HostDevices.gpio, HostDevices.virtio]
        let guest = try RemoteGuest(devices.map { RemoteGuest.device($0, path, mapTimeout: 2) })
        try guest.tell("e")
        for count in 1...3 {
            try guest.process.raiseInterrupt(regionSize: 512)
            try guest.waitForCounts("edge \(count)") { $0.other == count }
        }

        try guest.tell("G")
        try guest.process.raiseInterrupt(regionSize: 512)
        let numbers = try guest.ask("", "both")

        #expect(numbers == [100, 100], "raised together, and both received")
        try guest.waitForCounts("the last edge") { $0.other == 4 }
        let counts = try guest.counts()
        #expect(counts.rtc >= 100 && counts.gpio >= 100)
        let report = try guest.finish().report
        #expect(report.devices.map(\.host) == devices)
        #expect(report.devices.flatMap { $0.interrupts.map(\.spi) } == [2, 3, 4])
        #expect(report.devices.flatMap { $0.interrupts.map(\.path) } == [path, path, path])
        #expect(report.devices.flatMap { $0.interrupts.map(\.trigger) } == ["level", "level", "edge"])
        if path == "irqfd" {
            // Raised by loop-back, it is not one of the host's own interrupts, which are all that is counted there.
            #expect(report.devices.last?.interrupts.map(\.count) == [0])
        } else {
            #expect(report.devices.last?.interrupts.map(\.count) == [4])
        }
        if path != "eventfd" { #expect(counts.rtc == 100 && counts.gpio == 100) }
    }

    /// The guest disables the interrupt; then its line goes high and stays high for seconds.
    static func disabledInterruptComesOnceItIsEnabled(_ path: String) throws {
        defer { try? HostClock.silence() }
        let guest = try RemoteGuest([clock(path)])
        try guest.tell("ei")
        try guest.waitUntilDone()
        try HostClock.raise()
        guest.process.read(seconds: 2)
        #expect(try HostClock.isRaised && guest.counts().rtc == 0)

        try guest.tell("e")

        try expectOneInterrupt(guest, path)
        try guest.expectAlarms()
        _ = try guest.finish()
    }

    /// The guest asks for a reset in its handler, while the line is high and the interrupt isn't ended. The next guest
    /// gets the interrupt.
    static func resetWithAHighLineLosesNothing(_ path: String) throws {
        defer { try? HostClock.silence() }
        let first = try RemoteGuest([clock(path)])
        try first.tell("eR")
        try first.waitUntilDone()
        try HostClock.raise()
        let result = try first.guest.finish()
        #expect(result.status == 3, "\(result.errors)")
        #expect(try result.report.exit.reason == "reset")
        try #require(try HostClock.isRaised)

        let second = try RemoteGuest([clock(path)])
        try second.tell("e")

        try expectOneInterrupt(second, path)
        try second.expectAlarms()
        _ = try second.finish()
    }

    /// Expects an interrupt that the guest hasn't requested; exactly one if its end can be observed.
    private static func expectOneInterrupt(_ guest: RemoteGuest, _ path: String) throws {
        try guest.waitForCounts("interrupt on the \(path) path") { $0.rtc > 0 }
        if path != "eventfd" { #expect(try guest.counts().rtc == 1) }
        #expect(try !HostClock.isRaised)
    }
}

// MARK: Storms

extension InterruptProof {
    /// The effect of a storm on its host.
    struct StormEffect: CustomStringConvertible {
        /// The host's interrupts per second.
        let rate: Int
        /// Seconds that a shell's loop takes, before and during the storm.
        let shell: (before: Double, during: Double)
        /// The same for another VM's work.
        let otherVM: (before: Double, during: Double)
        /// Seconds from SIGTERM to the end.
        let stop: Double

        var description: String {
            func text(_ seconds: Double) -> String { "\((seconds * 1000).rounded() / 1000) s" }
            return "\(rate) interrupts a second; shell \(text(shell.before)), in the storm \(text(shell.during)); "
                + "other VM \(text(otherVM.before)), in the storm \(text(otherVM.during)); stopped in \(text(stop))"
        }
    }

    /// A line that the guest's handler never clears, so that it stays high.
    static func storm(_ path: String, limit: Int? = nil) throws -> StormEffect {
        defer { try? HostClock.silence() }
        let other = try RemoteGuest()
        let guest = try RemoteGuest([clock(path, stormLimit: limit)])
        let line = try #require(HostDevices.vfioLines().first)
        let before = (shell: try timeOfShellLoop(), vm: try timeOfWork(other))

        try guest.tell("eka")
        let start = HostDevices.interruptCounts()[line] ?? 0
        try guest.process.wait("the storm") { (HostDevices.interruptCounts()[line] ?? 0) - start > 200 }
        let shell = try timeOfShellLoop()
        let vm = try timeOfWork(other)
        let (began, count) = (Clock.monotonicNanoseconds, HostDevices.interruptCounts()[line] ?? 0)
        guest.process.read(seconds: 1)
        let seconds = Double(Clock.monotonicNanoseconds - began) / 1e9
        let rate = Double((HostDevices.interruptCounts()[line] ?? 0) - count) / seconds
        if limit != nil {
            // The guest has time for other work, and for recovering.
            try guest.tell("l")
            try guest.expectAlarms()
            try guest.tell("ka")
            guest.process.read(seconds: 1.5)
        }

        let signalled = Clock.monotonicNanoseconds
        guest.process.signal(SIGTERM)
        let result = try guest.guest.finish(patience: 20)
        let stop = Double(Clock.monotonicNanoseconds - signalled) / 1e9
        #expect(result.status == 143, "\(result.errors)")
        let interrupt = try #require(try result.report.device(HostDevices.rtc)?.interrupts.first)
        #expect(interrupt.path == path)
        if limit != nil {
            #expect((interrupt.counters?.stormHeld ?? 0) > 0)
            #expect(result.errors.contains("interrupts a second reached; held back"))
        }
        _ = try other.finish()
        return StormEffect(
            rate: Int(rate), shell: (before.shell, shell), otherVM: (before.vm, vm), stop: stop)
    }

    private static func timeOfShellLoop() throws -> Double {
        let start = Clock.monotonicNanoseconds
        let loop = try MartletProcess(
            ["sh", "-c", "i=0; while [ $i -lt 10000 ]; do i=$((i + 1)); done"], program: "/bin/busybox")
        #expect(try loop.waitForEnd() == 0)
        return Double(Clock.monotonicNanoseconds - start) / 1e9
    }

    private static func timeOfWork(_ guest: RemoteGuest) throws -> Double {
        let start = Clock.monotonicNanoseconds
        _ = try guest.ask("w", "worked")
        return Double(Clock.monotonicNanoseconds - start) / 1e9
    }
}

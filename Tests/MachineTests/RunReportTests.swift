// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import Passthrough
import Testing

@testable import Machine

@Suite struct ReportTests {
    private func report(
        _ end: GuestEnd = .powerOff, unclaimed: (UInt64, UInt64) = (0, 0), dropped: UInt64 = 0
    ) -> RunReport {
        let profile = StartupProfile()
        profile.mark("runtime")
        profile.mark("kvm")
        return RunReport(
            end: end, devices: [],
            exits: ExitCounts(mmioReads: 1, mmioWrites: 2, interrupted: 3, systemEvents: 4, other: 5),
            unclaimedReads: unclaimed.0, unclaimedWrites: unclaimed.1, droppedConsoleBytes: dropped,
            profile: profile.marks)
    }

    private func json(_ report: RunReport) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: try JSONEncoder().encode(report)) as? [String: Any])
    }

    /// The README's table of exit statuses.
    @Test(
        arguments: [
            (GuestEnd.powerOff, "power-off", 0), (.reset, "reset", 3), (.crashed, "crash", 4),
            (.hung("text", registers: ""), "hung", 4), (.quit, "quit", 130), (.signal(1), "signal 1", 129),
            (.signal(2), "signal 2", 130), (.signal(15), "signal 15", 143),
        ] as [(GuestEnd, String, Int32)])
    func `every end has a name and an exit status`(end: GuestEnd, name: String, status: Int32) throws {
        #expect(end.name == name)
        #expect(end.exitStatus == status)
        let exit = try #require(try json(report(end))["exit"] as? [String: Any])
        #expect(exit["reason"] as? String == name)
        #expect(exit["status"] as? Int32 == status)
    }

    @Test func `the text has a line for each fact`() {
        #expect(
            report().text == """
                guest: power-off
                exits: 1 MMIO reads, 2 MMIO writes, 3 interrupted, 4 system events, 5 other
                """)
        #expect(
            report(.hung("vcpu0: why", registers: "pc 0"), unclaimed: (1, 0), dropped: 7).text == """
                guest: hung (vcpu0: why)
                exits: 1 MMIO reads, 2 MMIO writes, 3 interrupted, 4 system events, 5 other
                unclaimed: 1 reads, 0 writes
                console: 7 bytes dropped
                """)
    }

    @Test func `lines that standard error didn't take are shown`() throws {
        var report = report()
        report.droppedLogLines = 3
        #expect(report.text.hasSuffix("\nlog: 3 lines dropped"))
        #expect(try json(report)["dropped_log_lines"] as? Int == 3)
    }

    @Test func `what the CPU was left to try again is told`() {
        let report = RunReport(
            end: .powerOff, devices: [], exits: ExitCounts(nisvEmulated: 1, nisvReentered: 3), unclaimedReads: 0,
            unclaimedWrites: 0, droppedConsoleBytes: 0, profile: [])
        #expect(
            report.text.hasSuffix(
                "\naccesses without a syndrome: 1 emulated, 0 answered with a data abort, "
                    + "3 retried by the CPU"))
    }

    @Test func `the JSON has the names that scripts read by`() throws {
        let object = try json(report(unclaimed: (8, 9), dropped: 7))
        #expect(
            Set(object.keys)
                == [
                    "exit", "devices", "exits", "unclaimed", "profile", "restarts", "pauses", "dropped_console_bytes",
                    "dropped_log_lines",
                ])
        #expect(
            object["exits"] as? [String: Int]
                == [
                    "mmio_reads": 1, "mmio_writes": 2, "interrupted": 3, "system_events": 4, "other": 5,
                    "nisv_emulated": 0,
                    "nisv_aborted": 0, "nisv_reentered": 0,
                ])
        #expect(object["unclaimed"] as? [String: Int] == ["reads": 8, "writes": 9])
        #expect(object["dropped_console_bytes"] as? Int == 7)
        #expect((object["devices"] as? [Any])?.isEmpty == true)
        let profile = try #require(object["profile"] as? [[String: Any]])
        #expect(profile.map { $0["step"] as? String } == ["runtime", "kvm"])
        #expect(profile.allSatisfy { $0["nanoseconds"] is Int })
    }

    @Test func `a detail is there only when there is one`() throws {
        #expect((try json(report())["exit"] as? [String: Any])?["detail"] == nil)
        let hung = try json(report(.hung("why", registers: "")))["exit"] as? [String: Any]
        #expect(hung?["detail"] as? String == "why")
    }

    @Test func `the profile is in order`() {
        let marks = report().profile
        #expect(marks.map(\.step.description) == ["runtime", "kvm"])
        #expect(marks[0].nanoseconds <= marks[1].nanoseconds)
        #expect(marks[0].nanoseconds > 0)
    }
}

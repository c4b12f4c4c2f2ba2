// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Testing

/// The CPUs that threads are kept to, by what the kernel says of them.
@Suite struct AffinityTests {
    /// Cpus_allowed_list of the calling thread.
    private static func allowed() -> String {
        let text = (try? LinuxKernel().readFile("/proc/thread-self/status", limit: 65536)) ?? []
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("Cpus_allowed_list:") }
        return line?.split(separator: "\t").last.map(String.init) ?? "?"
    }

    @Test func `a thread is kept to one CPU, and those that it starts with it`() throws {
        let before = Self.allowed()
        let last = try #require(before.split { $0 == "," || $0 == "-" }.last.flatMap { Int($0) })
        let events = Events()
        let outer = try SystemThread(name: "outer") {
            do throws(Errno) { try LinuxKernel().setAffinity([last]) } catch { events.add(error.nameAndText) }
            let inner = try? SystemThread(name: "inner") { events.add("inner \(Self.allowed())") }
            inner?.join()
            events.add("outer \(Self.allowed())")
        }
        outer.join()
        #expect(events.all == ["inner \(last)", "outer \(last)"])
        // The test's own thread stays as it was.
        #expect(Self.allowed() == before)
    }

    @Test(arguments: [[], [-1], [8192], [.max], [8191]] as [[Int]])
    func `CPUs that there aren't are an error`(cpus: [Int]) {
        #expect(throws: Errno.invalidArgument) { try LinuxKernel().setAffinity(cpus) }
    }
}

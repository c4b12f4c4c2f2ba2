// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Synchronization
import Testing

@testable import LinuxSystem

struct TraceWriterTests {
    /// Where lines go; on demand it takes none.
    private final class Reader: Sendable {
        private let text = Mutex("")
        let isBlocked: Atomic<Bool>
        let writes = Atomic<Int>(0)

        init(isBlocked: Bool = false) { self.isBlocked = Atomic(isBlocked) }

        func take(_ piece: String) {
            writes.wrappingAdd(1, ordering: .relaxed)
            while isBlocked.load(ordering: .acquiring) { usleep(1000) }
            text.withLock { $0 += piece }
        }

        var lines: [[Substring]] {
            text.withLock { $0 }.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 2) }
        }
    }

    private func time(_ line: [Substring]) -> Double { Double(line.first ?? "") ?? -1 }

    @Test func `lines come whole, with a timestamp, in order`() throws {
        let reader = Reader()
        let before = Clock.monotonicNanoseconds
        let writer = try TraceWriter(write: reader.take)
        writer.add("event", "one")
        writer.add("other", "two and more")
        writer.finish()

        let lines = reader.lines
        #expect(lines.map { $0.dropFirst().joined(separator: " ") } == ["event one", "other two and more"])
        #expect(lines.allSatisfy { $0[0].split(separator: ".").last?.count == 9 })
        #expect(lines.allSatisfy { time($0) >= Double(before / 1_000_000_000) })
    }

    @Test func `lines of several threads are in the order of their times`() throws {
        let reader = Reader()
        let writer = try TraceWriter(write: reader.take)
        let threads = try (0..<3).map { number in
            try SystemThread(name: "tracing") {
                for count in 0..<1000 { writer.add("thread\(number)", "\(count)") }
            }
        }
        for thread in threads { thread.join() }
        writer.finish()

        let lines = reader.lines
        #expect(lines.count == 3000)
        let times = lines.map(time)
        #expect(times == times.sorted())
        for number in 0..<3 {
            let own = lines.filter { $0[1] == "thread\(number)" }.compactMap { Int($0[2]) }
            #expect(own == Array(0..<1000))
        }
    }

    /// Standard error on a terminal that was stopped, or on a pipe that nobody reads.
    @Test func `who traces never waits for a reader, and what had no room is counted where it is missing`() throws {
        let reader = Reader(isBlocked: true)
        let writer = try TraceWriter(write: reader.take)
        writer.add("first", "")
        #expect(eventually { reader.writes.load(ordering: .relaxed) == 1 })
        let total = TraceWriter.capacity + 100
        for count in 0..<total { writer.add("event", "\(count)") }

        reader.isBlocked.store(false, ordering: .releasing)

        #expect(eventually { reader.lines.last?[1] == "trace_dropped" })
        writer.add("event", "after")
        writer.finish()
        let lines = reader.lines
        #expect(lines.count == 1 + TraceWriter.capacity + 2)
        #expect(lines[1...TraceWriter.capacity].compactMap { Int($0[2]) } == Array(0..<TraceWriter.capacity))
        #expect(
            lines[TraceWriter.capacity + 1].dropFirst().joined(separator: " ")
                == "trace_dropped 100 lines from here on: standard error was too slow")
        #expect(lines.last?.last == "after")
        #expect(lines.map(time) == lines.map(time).sorted())
    }

    @Test func `the end doesn't wait for ever`() throws {
        let reader = Reader(isBlocked: true)
        do {
            let writer = try TraceWriter(write: reader.take)
            writer.add("event", "")
            #expect(eventually { reader.writes.load(ordering: .relaxed) == 1 })
            writer.finish(timeoutMilliseconds: 20)
            writer.add("late", "")
        }
        #expect(reader.lines.isEmpty)
        reader.isBlocked.store(false, ordering: .releasing)
        #expect(eventually { reader.lines.map { $0[1] } == ["event"] })
    }

    /// A signal for the process must reach the event loop's signalfd, and not end the process through this thread.
    @Test func `its thread takes no signals`() throws {
        let masks = Mutex<[String]>([])
        let writer = try TraceWriter { _ in
            let status = (try? LinuxKernel().readFile("/proc/thread-self/status", limit: 1 << 16)) ?? []
            let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
            masks.withLock { $0 = lines.filter { $0.hasPrefix("SigBlk:") }.map(String.init) }
        }
        writer.add("event", "")
        writer.finish()
        let mask = try #require(
            masks.withLock { $0 }.first?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
        // SIGHUP, SIGINT, SIGUSR1, SIGTERM are bits 0, 1, 9, 14.
        #expect(mask & 0x4203 == 0x4203)
    }

    @Test func `a timestamp has nanoseconds`() {
        #expect(TraceWriter.timestamp(0) == "0.000000000")
        #expect(TraceWriter.timestamp(12_000_345_678) == "12.000345678")
    }
}

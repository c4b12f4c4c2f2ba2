// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Synchronization
import Testing

@testable import LinuxSystem

struct LineWriterTests {
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
        let writer = LineWriter(write: reader.take)
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
        let writer = LineWriter(write: reader.take)
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
        let writer = LineWriter(write: reader.take)
        writer.add("first", "")
        #expect(eventually { reader.writes.load(ordering: .relaxed) == 1 })
        let total = LineWriter.capacity + 100
        for count in 0..<total { writer.add("event", "\(count)") }

        reader.isBlocked.store(false, ordering: .releasing)

        #expect(eventually { reader.lines.last?[1] == "trace_dropped" })
        writer.add("event", "after")
        writer.finish()
        let lines = reader.lines
        #expect(lines.count == 1 + LineWriter.capacity + 2)
        #expect(lines[1...LineWriter.capacity].compactMap { Int($0[2]) } == Array(0..<LineWriter.capacity))
        #expect(
            lines[LineWriter.capacity + 1].dropFirst().joined(separator: " ")
                == "trace_dropped 100 lines dropped here: standard error was too slow")
        #expect(lines.last?.last == "after")
        #expect(lines.map(time) == lines.map(time).sorted())
    }

    @Test func `the end doesn't wait for ever`() throws {
        let reader = Reader(isBlocked: true)
        do {
            let writer = LineWriter(write: reader.take)
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
        let writer = LineWriter { _ in
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

    // MARK: Messages

    @Test func `messages and events keep their order`() {
        let reader = Reader()
        let writer = LineWriter(write: reader.take)
        writer.add("one\n")
        writer.add("event", "two")
        writer.add("three\nfour\n")
        writer.addLast("five\n")
        writer.finish()
        let lines = reader.lines
        #expect(
            lines.map { $0.joined(separator: " ") }.filter { !$0.contains("event") } == [
                "one", "three", "four", "five",
            ])
        #expect(lines[1].dropFirst() == ["event", "two"])
    }

    /// A run without a message pays for no thread.
    @Test func `what comes last is written by the thread that finishes`() {
        let threads = Mutex<[pthread_t]>([])
        let writer = LineWriter { _ in threads.withLock { $0.append(pthread_self()) } }
        writer.addLast("report\n")
        writer.finish()
        #expect(threads.withLock { $0 } == [pthread_self()])

        let other = LineWriter { _ in threads.withLock { $0.append(pthread_self()) } }
        other.add("warning\n")
        other.finish()
        #expect(threads.withLock { $0 }.last != pthread_self())
    }

    @Test func `messages without room are counted, too`() {
        let reader = Reader(isBlocked: true)
        let writer = LineWriter(write: reader.take)
        writer.add("first\n")
        #expect(eventually { reader.writes.load(ordering: .relaxed) == 1 })
        // The limit is one of bytes here.
        let line = String(repeating: "x", count: LineWriter.byteCapacity / 4 - 1) + "\n"
        for _ in 0..<7 { writer.add(line) }
        #expect(writer.droppedLineCount == 3)
        writer.addLast("last\n")
        reader.isBlocked.store(false, ordering: .releasing)
        writer.finish(timeoutMilliseconds: 10_000)
        let lines = reader.lines.map { $0.joined(separator: " ") }
        #expect(lines.map { $0.prefix(5) } == ["first", "xxxxx", "xxxxx", "xxxxx", "xxxxx", "last", "martl"])
        #expect(
            lines.last == "martlet: warning: 3 messages were dropped here: standard error was too slow")
    }

    /// The first line is written by the thread, or all by whoever finishes.
    @Test(arguments: [false, true]) func `a pipe that nobody reads costs no more than the time-out`(isFirst: Bool)
        throws
    {
        let pipe = try Pipe()
        try pipe.fill()
        let start = Clock.monotonicNanoseconds
        let writer = LineWriter(to: pipe.writeEnd)
        if isFirst { writer.add("message\n") }
        writer.addLast("report\n")
        writer.finish(timeoutMilliseconds: 50)
        let elapsed = Clock.monotonicNanoseconds - start
        #expect((50_000_000..<5_000_000_000).contains(elapsed), "\(elapsed) ns")
        // Lets the thread end.
        #expect(fcntl(pipe.readEnd, F_SETFL, O_NONBLOCK) == 0)
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        func drain() {
            while true {
                let count = read(pipe.readEnd, &chunk, chunk.count)
                if count <= 0 { return }
                text += chunk[..<count]
            }
        }
        drain()
        #expect(
            eventually {
                drain()
                return !isFirst || String(decoding: text, as: UTF8.self).hasSuffix("message\nreport\n")
            })
        close(pipe.readEnd)
        close(pipe.writeEnd)
    }

    @Test func `what a pipe has room for is written whole`() throws {
        let pipe = try Pipe()
        let writer = LineWriter(to: pipe.writeEnd)
        writer.addLast("report\n")
        writer.addLast("end\n")
        writer.finish()
        var chunk = [UInt8](repeating: 0, count: 100)
        let count = read(pipe.readEnd, &chunk, chunk.count)
        #expect(String(decoding: chunk[..<max(count, 0)], as: UTF8.self) == "report\nend\n")
        // The user's shell may have the same open file.
        #expect(fcntl(pipe.writeEnd, F_GETFL) & O_NONBLOCK == 0)
        close(pipe.readEnd)
        close(pipe.writeEnd)
    }

    @Test func `a timestamp has nanoseconds`() {
        #expect(LineWriter.timestamp(0) == "0.000000000")
        #expect(LineWriter.timestamp(12_000_345_678) == "12.000345678")
    }
}

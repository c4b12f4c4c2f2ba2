// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import Glibc
import Synchronization
import Testing

@testable import LinuxSystem

/// What is shared with other readers and writers, and must be neither waited for nor changed.
struct NonBlockingTests {
    private func read(_ input: NonBlockingInput, _ count: Int = 16) -> (NonBlockingInput.Outcome, [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: count)
        let outcome = buffer.withUnsafeMutableBytes { input.read(into: $0) }
        if case .read(let count) = outcome { return (outcome, Array(buffer[..<count])) }
        return (outcome, [])
    }

    @Test(arguments: [true, false]) func `a pipe gives what there is, and then its end`(reopens: Bool) throws {
        let pipe = try Pipe()
        let input = NonBlockingInput(pipe.readEnd, reopens: reopens)
        #expect(read(input).0 == .nothing)
        #expect(Glibc.write(pipe.writeEnd, "ab", 2) == 2)
        #expect(read(input).1 == Array("ab".utf8))
        #expect(read(input).0 == .nothing)
        close(pipe.writeEnd)
        #expect(read(input).0 == .end)
        #expect(fcntl(pipe.readEnd, F_GETFL) & O_NONBLOCK == 0, "the flags are those of other processes, too")
        close(pipe.readEnd)
    }

    @Test func `a socket is read without waiting`() throws {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { ends.forEach { close($0) } }
        let input = NonBlockingInput(ends[0])
        #expect(input.rawValue == ends[0], "it can't be reopened")
        #expect(read(input).0 == .nothing)
        #expect(Glibc.write(ends[1], "ab", 2) == 2)
        #expect(read(input).1 == Array("ab".utf8))
        #expect(fcntl(ends[0], F_GETFL) & O_NONBLOCK == 0)
    }

    @Test func `a file is read from where it is`() throws {
        let folder = try TemporaryFolder()
        let descriptor = Glibc.open(try folder.write("file", "abcd"), O_RDONLY)
        defer { close(descriptor) }
        #expect(lseek(descriptor, 2, SEEK_SET) == 2)
        let input = NonBlockingInput(descriptor)
        #expect(read(input).1 == Array("cd".utf8))
        #expect(read(input).0 == .end)
        #expect(read(NonBlockingInput(-1)).0 == .failed(.badFileDescriptor))
    }

    /// poll(2) promises both of them the same bytes.
    @Test(arguments: [true, false]) func `two readers of one pipe never hang`(reopens: Bool) throws {
        let pipe = try Pipe()
        let total = Atomic<Int>(0)
        let isDone = Atomic<Bool>(false)
        let threads = try (0..<2).map { _ in
            let input = NonBlockingInput(pipe.readEnd, reopens: reopens)
            return try SystemThread(name: "reader") {
                var byte: UInt8 = 0
                while !isDone.load(ordering: .acquiring) {
                    guard clinux_poll_readable(input.rawValue, 1) > 0 else { continue }
                    let outcome = withUnsafeMutableBytes(of: &byte) { input.read(into: $0) }
                    if outcome == .read(1) { total.wrappingAdd(1, ordering: .relaxed) }
                }
            }
        }
        for _ in 0..<500 {
            #expect(Glibc.write(pipe.writeEnd, "a", 1) == 1)
            usleep(100)
        }
        #expect(eventually { total.load(ordering: .relaxed) == 500 })
        isDone.store(true, ordering: .releasing)
        for thread in threads { thread.join() }
        close(pipe.readEnd)
        close(pipe.writeEnd)
    }

    @Test(arguments: [true, false]) func `a full pipe takes nothing and isn't waited for`(reopens: Bool) throws {
        let pipe = try Pipe()
        try pipe.fill()
        let output = NonBlockingOutput(pipe.writeEnd, reopens: reopens)
        let outcome = [UInt8(1)].withUnsafeBytes { output.write($0) }
        #expect(outcome == .full)
        var failure: Errno?
        [UInt8(1)].withUnsafeBytes { bytes in
            do throws(Errno) { try output.write(bytes, within: 20) } catch { failure = error }
        }
        #expect(failure == .timedOut)
        #expect(fcntl(pipe.writeEnd, F_GETFL) & O_NONBLOCK == 0)
        close(pipe.readEnd)
        close(pipe.writeEnd)
    }

    /// What is left when another process is faster after poll(2).
    @Test func `a read or write that would wait is cut off`() throws {
        let (empty, full) = (try Pipe(), try Pipe())
        try full.fill()
        var byte: UInt8 = 0
        #expect(clinux_read_briefly(empty.readEnd, &byte, 1) == -Int(EINTR))
        #expect(clinux_write_briefly(full.writeEnd, &byte, 1) == -Int(EINTR))
        #expect(Glibc.write(empty.writeEnd, "a", 1) == 1)
        #expect(clinux_read_briefly(empty.readEnd, &byte, 1) == 1)
        for end in [empty.readEnd, empty.writeEnd, full.readEnd, full.writeEnd] { close(end) }
    }
}

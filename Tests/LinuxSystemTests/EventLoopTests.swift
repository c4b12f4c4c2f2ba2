// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct EventLoopTests {
    private let loop: EventLoop
    private let events = Events()

    init() throws { loop = try EventLoop() }

    /// Runs the loop on a thread while `body` runs, and stops it.
    private func whileRunning(_ body: () throws -> Void) throws {
        let failure = Mutex<Errno?>(nil)
        let thread = try SystemThread(name: "loop") { [loop] in
            do throws(Errno) { try loop.run() } catch { failure.withLock { $0 = error } }
        }
        defer {
            loop.stop()
            thread.join()
            #expect(failure.withLock { $0 } == nil)
        }
        try body()
    }

    @Test func `runs the handler of what is ready`() throws {
        let first = try EventDescriptor(of: LinuxKernel())
        let second = try EventDescriptor(of: LinuxKernel())
        let sources = [
            try loop.add(first.rawValue) { [events] _ in
                if first.take() > 0 { events.add("first") }
            },
            try loop.add(second.rawValue) { [events] _ in
                if second.take() > 0 { events.add("second") }
            },
        ]
        defer { withExtendedLifetime(sources) {} }
        try whileRunning {
            second.signal()
            #expect(eventually { events.all == ["second"] })
            first.signal()
            #expect(eventually { events.all == ["second", "first"] })
        }
    }

    @Test func `sources can be added and removed from another thread while it runs`() throws {
        try whileRunning {
            let event = try EventDescriptor(of: LinuxKernel())
            event.signal()
            let source = try loop.add(event.rawValue) { [events] _ in
                events.add("\(event.take())")
            }
            #expect(eventually { events.all == ["1"] })
            source.stop()
            event.signal()
            usleep(20_000)
            #expect(events.all == ["1"])
            #expect(event.take() == 1)
            source.stop()
        }
    }

    @Test func `a handler may remove itself`() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        let source = Mutex<EventSource?>(nil)
        let added = try loop.add(event.rawValue) { [events] _ in
            events.add("handler")
            // The event isn't taken: were it still watched, it would be reported again and again.
            source.withLock { $0 }?.stop()
        }
        source.withLock { $0 = added }
        try whileRunning {
            event.signal()
            #expect(eventually { !events.all.isEmpty })
            usleep(20_000)
            #expect(events.all == ["handler"])
        }
    }

    @Test func `a handler may add another`() throws {
        let first = try EventDescriptor(of: LinuxKernel())
        let second = try EventDescriptor(of: LinuxKernel())
        second.signal()
        let added = Mutex<EventSource?>(nil)
        let source = try loop.add(first.rawValue) { [loop, events] _ in
            _ = first.take()
            let another = try? loop.add(second.rawValue) { _ in
                if second.take() > 0 { events.add("second") }
            }
            added.withLock { $0 = another }
        }
        defer { withExtendedLifetime(source) {} }
        try whileRunning {
            first.signal()
            #expect(eventually { events.all == ["second"] })
        }
    }

    @Test func `a handler may stop the loop`() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        event.signal()
        let source = try loop.add(event.rawValue) { [loop] _ in loop.stop() }
        try loop.run()
        source.stop()
    }

    @Test func `stop before run makes it return at once`() throws {
        loop.stop()
        try loop.run()
    }

    @Test func `a descriptor that was hung up is reported`() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        let source = Mutex<EventSource?>(nil)
        let added = try loop.add(pipe.readEnd) { [events] ready in
            events.add("hung up")
            if ready != .hangUp { events.add("ready: \(ready)") }
            source.withLock { $0 }?.stop()
        }
        source.withLock { $0 = added }
        try whileRunning {
            close(pipe.writeEnd)
            #expect(eventually { events.all == ["hung up"] })
        }
    }

    @Test func `refuses what cannot be watched`() throws {
        let folder = try TemporaryFolder()
        let file = open(try folder.write("file", "text"), O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        #expect(throws: Errno.notPermitted) { try loop.add(file) { _ in } }
        #expect(throws: Errno.badFileDescriptor) { try loop.add(-1) { _ in } }
        let event = try EventDescriptor(of: LinuxKernel())
        let source = try loop.add(event.rawValue) { _ in }
        #expect(throws: Errno.fileExists) { try loop.add(event.rawValue) { _ in } }
        // What was refused hasn't disturbed what is watched.
        source.stop()
        try loop.add(event.rawValue) { _ in }.stop()
    }

    @Test func `lets go of a handler that is removed`() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        let event = try EventDescriptor(of: LinuxKernel())
        final class Owner: Sendable {
            let descriptor: OwnedDescriptor
            init(_ raw: CInt) { descriptor = OwnedDescriptor(adopting: raw, of: LinuxKernel()) }
        }
        let source = try {
            let owner = Owner(pipe.writeEnd)
            return try loop.add(event.rawValue) { _ in withExtendedLifetime(owner) {} }
        }()
        #expect(!pipe.isWriteEndClosed)
        source.stop()
        #expect(pipe.isWriteEndClosed)
    }

    @Test func `a wake calls woken on the loop's thread, also one that came before it ran`() throws {
        let woken = Atomic<Int>(0)
        loop.wake()
        let thread = try SystemThread(name: "loop") { [loop] in
            try? loop.run(woken: { woken.wrappingAdd(1, ordering: .relaxed) })
        }
        #expect(eventually { woken.load(ordering: .relaxed) == 1 })
        loop.wake()
        #expect(eventually { woken.load(ordering: .relaxed) == 2 })
        usleep(20_000)
        #expect(woken.load(ordering: .relaxed) == 2, "one wake is one call")
        loop.stop()
        thread.join()
    }
}

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

    @Test func runsTheHandlerOfWhatIsReady() throws {
        let first = try EventDescriptor(of: LinuxKernel())
        let second = try EventDescriptor(of: LinuxKernel())
        _ = try loop.add(first.rawValue) { [events] in
            if first.take() > 0 { events.add("first") }
        }
        _ = try loop.add(second.rawValue) { [events] in
            if second.take() > 0 { events.add("second") }
        }
        try whileRunning {
            second.signal()
            #expect(eventually { events.all == ["second"] })
            first.signal()
            #expect(eventually { events.all == ["second", "first"] })
        }
    }

    @Test func sourcesCanBeAddedAndRemovedFromAnotherThreadWhileItRuns() throws {
        try whileRunning {
            let event = try EventDescriptor(of: LinuxKernel())
            event.signal()
            let token = try loop.add(event.rawValue) { [events] in
                events.add("\(event.take())")
            }
            #expect(eventually { events.all == ["1"] })
            loop.remove(token)
            event.signal()
            usleep(20_000)
            #expect(events.all == ["1"])
            #expect(event.take() == 1)
            loop.remove(token)
        }
    }

    @Test func aHandlerMayRemoveItself() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        let token = Mutex<EventLoop.Token?>(nil)
        let added = try loop.add(event.rawValue) { [loop, events] in
            events.add("handler")
            // The event isn't taken: were it still watched, it would be reported again and again.
            if let mine = token.withLock({ $0 }) { loop.remove(mine) }
        }
        token.withLock { $0 = added }
        try whileRunning {
            event.signal()
            #expect(eventually { !events.all.isEmpty })
            usleep(20_000)
            #expect(events.all == ["handler"])
        }
    }

    @Test func aHandlerMayAddAnother() throws {
        let first = try EventDescriptor(of: LinuxKernel())
        let second = try EventDescriptor(of: LinuxKernel())
        second.signal()
        _ = try loop.add(first.rawValue) { [loop, events] in
            _ = first.take()
            _ = try? loop.add(second.rawValue) {
                if second.take() > 0 { events.add("second") }
            }
        }
        try whileRunning {
            first.signal()
            #expect(eventually { events.all == ["second"] })
        }
    }

    @Test func aHandlerMayStopTheLoop() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        event.signal()
        _ = try loop.add(event.rawValue) { [loop] in loop.stop() }
        try loop.run()
    }

    @Test func stopBeforeRunMakesItReturnAtOnce() throws {
        loop.stop()
        try loop.run()
    }

    @Test func aDescriptorThatWasHungUpIsReported() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        let token = Mutex<EventLoop.Token?>(nil)
        let added = try loop.add(pipe.readEnd) { [loop, events] in
            events.add("hung up")
            if let mine = token.withLock({ $0 }) { loop.remove(mine) }
        }
        token.withLock { $0 = added }
        try whileRunning {
            close(pipe.writeEnd)
            #expect(eventually { events.all == ["hung up"] })
        }
    }

    @Test func refusesWhatCannotBeWatched() throws {
        let folder = try TemporaryFolder()
        let file = open(try folder.write("file", "text"), O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        #expect(throws: Errno.notPermitted) { try loop.add(file) {} }
        #expect(throws: Errno.badFileDescriptor) { try loop.add(-1) {} }
        let event = try EventDescriptor(of: LinuxKernel())
        let token = try loop.add(event.rawValue) {}
        #expect(throws: Errno.fileExists) { try loop.add(event.rawValue) {} }
        // What was refused hasn't disturbed what is watched.
        loop.remove(token)
        _ = try loop.add(event.rawValue) {}
    }

    @Test func letsGoOfAHandlerThatIsRemoved() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        let event = try EventDescriptor(of: LinuxKernel())
        final class Owner: Sendable {
            let descriptor: OwnedDescriptor
            init(_ raw: CInt) { descriptor = OwnedDescriptor(adopting: raw, of: LinuxKernel()) }
        }
        let token = try {
            let owner = Owner(pipe.writeEnd)
            return try loop.add(event.rawValue) { withExtendedLifetime(owner) {} }
        }()
        #expect(!pipe.isWriteEndClosed)
        loop.remove(token)
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

/// What a loop asks of the kernel for its sources, and what its handlers are told.
@Suite struct EventSourceTests {
    private let kernel = FakeKernel()
    private let loop: EventLoop
    private let events = Events()

    init() throws { loop = try EventLoop(of: kernel) }

    private func signalled() throws -> EventDescriptor {
        let event = try EventDescriptor(of: kernel)
        event.signal()
        return event
    }

    @Test func `a fake kernel sees what is watched, read, written and waited for`() throws {
        let event = try signalled()
        let source = try loop.add(event.rawValue) { [loop] ready in
            #expect(ready == .read)
            #expect(event.take() == 1)
            loop.stop()
        }
        try loop.run()
        #expect(kernel.withState { $0.interests[event.rawValue] } == .read)
        source.stop()
        #expect(kernel.withState { $0.interests[event.rawValue] } == nil)
        let expected = [
            "epoll_ctl add eventfd read", "write eventfd", "epoll_ctl add eventfd read", "epoll_wait 1",
            "read eventfd 1", "write eventfd", "epoll_ctl remove eventfd",
        ]
        #expect(kernel.withState { $0.traffic } == expected)
        source.stop()
        #expect(kernel.withState { $0.traffic } == expected, "a second stop does nothing")
    }

    @Test func `what is ready at the same time comes in batches`() throws {
        let left = Mutex(20)
        let sources = try (0..<20).map { _ in
            let event = try signalled()
            return try loop.add(event.rawValue) { [loop] _ in
                #expect(event.take() == 1)
                let isLast = left.withLock { left in
                    left -= 1
                    return left == 0
                }
                if isLast { loop.stop() }
            }
        }
        try loop.run()
        let waits = kernel.withState { $0.traffic.filter { $0.hasPrefix("epoll_wait") } }
        #expect(waits == ["epoll_wait 16", "epoll_wait 4"])
        withExtendedLifetime(sources) {}
    }

    /// Two sources that are ready at once: whichever handler runs first does `body` to the other.
    private func runPair(_ body: @escaping @Sendable (EventSource) throws(Errno) -> Void) throws {
        let (first, second) = (try signalled(), try signalled())
        let sources = Mutex<[EventSource]>([])
        let handle: @Sendable (Int, EventDescriptor) -> Void = { [loop, events] index, event in
            events.add("handler")
            _ = event.take()
            let other = sources.withLock { $0[1 - index] }
            do throws(Errno) { try body(other) } catch { events.add("\(error)") }
            // Not stopped at once, so that the other handler would be called.
            loop.wake()
        }
        let added = [
            try loop.add(first.rawValue) { _ in handle(0, first) },
            try loop.add(second.rawValue) { _ in handle(1, second) },
        ]
        sources.withLock { $0 = added }
        try loop.run(woken: { loop.stop() })
        #expect(kernel.withState { $0.traffic.contains("epoll_wait 2") })
        sources.withLock { $0 = [] }
    }

    @Test func `a source that a handler of the same batch has stopped isn't called`() throws {
        try runPair { $0.stop() }
        #expect(events.all == ["handler"])
    }

    @Test func `a source isn't told of what a handler of the same batch has it wait for no more`() throws {
        try runPair { (other) throws(Errno) in try other.watch(for: []) }
        #expect(events.all == ["handler"])
        #expect(kernel.withState { $0.traffic.contains("epoll_ctl change eventfd ") })
    }

    @Test func `both sources of a batch are called where neither disturbs the other`() throws {
        try runPair { _ in }
        #expect(events.all == ["handler", "handler"])
    }

    @Test func `a source waits for what it is told, from then on`() throws {
        let pipe = try Pipe()
        defer { for end in [pipe.readEnd, pipe.writeEnd] { close(end) } }
        let source = Mutex<EventSource?>(nil)
        let added = try loop.add(pipe.writeEnd, []) { [events, loop] ready in
            events.add(ready == .write ? "write" : "\(ready)")
            do throws(Errno) { try source.withLock { $0 }?.watch(for: []) } catch { events.add("\(error)") }
            loop.wake()
        }
        source.withLock { $0 = added }
        // There is room all the time, but nobody asks.
        loop.wake()
        try loop.run(woken: {
            if events.all.isEmpty { #expect(throws: Never.self) { try added.watch(for: .write) } } else { loop.stop() }
        })
        #expect(events.all == ["write"])
        source.withLock { $0 = nil }
        added.stop()
        try added.watch(for: .write)
        #expect(
            kernel.withState { $0.traffic.filter { $0.hasPrefix("epoll_ctl change") } }
                == ["epoll_ctl change ? write", "epoll_ctl change ? "])
    }

    @Test func `a handler is told that there is something to read and that the other side is gone`() throws {
        let pipe = try Pipe()
        #expect(write(pipe.writeEnd, "x", 1) == 1)
        close(pipe.writeEnd)
        let source = try loop.add(pipe.readEnd) { [events, loop] ready in
            if ready == [.read, .hangUp] { events.add("both") }
            loop.stop()
        }
        try loop.run()
        #expect(events.all == ["both"])
        source.stop()
        close(pipe.readEnd)
    }

    @Test func `a socket's other side that writes no more is a hang-up for who asks for it`() throws {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        #expect(shutdown(ends[1], CInt(SHUT_WR)) == 0)
        let source = try loop.add(ends[0], .hangUp) { [events, loop] ready in
            if ready == .hangUp { events.add("hung up") }
            loop.stop()
        }
        try loop.run()
        #expect(events.all == ["hung up"])
        source.stop()
    }

    /// What the handler keeps goes without the loop's lock held.
    @Test func `the end of a handler may be the end of another source`() throws {
        final class Owner: Sendable {
            let source: EventSource
            init(_ source: EventSource) { self.source = source }
            deinit { source.stop() }
        }
        let (first, second) = (try EventDescriptor(of: kernel), try EventDescriptor(of: kernel))
        let outer = try {
            let owner = Owner(try loop.add(first.rawValue) { _ in })
            return try loop.add(second.rawValue) { _ in withExtendedLifetime(owner) {} }
        }()
        outer.stop()
        #expect(
            kernel.withState { $0.traffic.suffix(2) } == ["epoll_ctl remove eventfd", "epoll_ctl remove eventfd"])
    }

    @Test func `a wait that fails ends the loop with its error`() throws {
        kernel.withState { $0.waitFailure = .noMemory }
        #expect(throws: Errno.noMemory) { try loop.run() }
    }

    @Test func `a descriptor that is closed while it is watched is out of order`() throws {
        let event = try EventDescriptor(of: kernel)
        let source = try loop.add(event.rawValue) { _ in }
        kernel.close(event.rawValue)
        #expect(kernel.disorder?.contains("close of a watched eventfd") == true, "\(kernel.journal)")
        withExtendedLifetime(source) {}
        // Its owner would close it a second time.
        withExtendedLifetime(event) {}
    }
}

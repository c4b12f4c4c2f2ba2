// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import KernelFakes
import LinuxSystem
import Testing

@Suite struct OwnershipTests {
    @Test func `an owned descriptor is closed when its owner goes`() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        do {
            let owned = OwnedDescriptor(adopting: pipe.writeEnd, of: LinuxKernel())
            #expect(owned.rawValue == pipe.writeEnd)
            #expect(!pipe.isWriteEndClosed)
        }
        #expect(pipe.isWriteEndClosed)
    }

    @Test func `an owned descriptor is closed when its owners initialiser throws`() throws {
        final class Owner {
            let descriptor: OwnedDescriptor
            init(_ raw: CInt) throws(Errno) {
                descriptor = OwnedDescriptor(adopting: raw, of: LinuxKernel())
                throw .ioError
            }
        }
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        #expect(throws: Errno.ioError) { try Owner(pipe.writeEnd) }
        #expect(pipe.isWriteEndClosed)
    }

    private final class Resource: Sendable {
        private let name: String
        private let events: Events
        init(_ name: String, _ events: Events) {
            self.name = name
            self.events = events
        }
        deinit { events.add(name) }
    }

    @Test func `a resource stack lets go of the newest first`() {
        let events = Events()
        do {
            var stack = ResourceStack()
            for name in ["first", "second", "third"] { stack.keep(Resource(name, events)) }
            #expect(events.all.isEmpty)
        }
        #expect(events.all == ["third", "second", "first"])
    }

    @Test func `a resource stack can be emptied and filled again`() {
        let events = Events()
        var stack = ResourceStack()
        stack.keep(Resource("first", events))
        stack.keep(Resource("second", events))
        stack.releaseAll()
        #expect(events.all == ["second", "first"])
        stack.keep(Resource("third", events))
        stack.releaseAll()
        stack.releaseAll()
        #expect(events.all == ["second", "first", "third"])
    }

    @Test func `a resource stack lets go when the function throws`() {
        let events = Events()
        func setUp() throws(Errno) {
            var stack = ResourceStack()
            let first = stack.keep(Resource("first", events))
            let second = stack.keep(Resource("second", events))
            _ = (first, second)
            throw .noMemory
        }
        #expect(throws: Errno.noMemory) { try setUp() }
        #expect(events.all == ["second", "first"])
    }

    @Test func `what is shared lives for as long as its last user`() {
        let events = Events()
        var stack = ResourceStack()
        let shared = stack.keep(Resource("shared", events))
        stack.releaseAll()
        withExtendedLifetime(shared) { #expect(events.all.isEmpty) }
    }

    @Test func `a descriptor is closed once, by close or by its owner's end`() throws {
        let kernel = FakeKernel()
        do {
            let owned = OwnedDescriptor(adopting: try kernel.createEventDescriptor(), of: kernel)
            owned.close()
            #expect(kernel.held.isEmpty)
            owned.close()
        }
        #expect(kernel.journal == [.acquire("eventfd"), .release("eventfd")])
    }

    @Test func `a share ends when it is released`() {
        let events = Events()
        let share = Share(Resource("shared", events))
        #expect(share.object != nil)
        #expect(events.all.isEmpty)
        share.release()
        #expect(events.all == ["shared"])
        #expect(share.object == nil)
        share.release()
        #expect(events.all == ["shared"])
    }

    @Test func `a list lets go of the newest first, by releaseAll or by its owner's end`() {
        let events = Events()
        do {
            let list = OwnedList([Resource("first", events), Resource("second", events)])
            list.append(Resource("third", events))
            #expect(list.all.count == 3)
            list.releaseAll()
            #expect(events.all == ["third", "second", "first"])
            #expect(list.all.isEmpty)
            list.append(Resource("fourth", events))
            list.append(Resource("fifth", events))
        }
        #expect(events.all == ["third", "second", "first", "fifth", "fourth"])
    }

    @Test func `a loop lets go of its handlers, then of what they are watched by`() throws {
        let kernel = FakeKernel()
        do {
            let loop = try EventLoop(of: kernel)
            let event = try EventDescriptor(of: kernel)
            let source = try loop.add(event.rawValue) { _ in withExtendedLifetime(event) {} }
            withExtendedLifetime(source) {}
        }
        #expect(kernel.held.isEmpty)
        #expect(
            kernel.journal.filter { if case .release = $0 { true } else { false } }.last == .release("epoll_create1"))
        #expect(kernel.disorder == nil, "\(kernel.journal)")
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

@Suite struct OwnershipTests {
    @Test func anOwnedDescriptorIsClosedWhenItsOwnerGoes() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        do {
            let owned = OwnedDescriptor(adopting: pipe.writeEnd, of: LinuxKernel())
            #expect(owned.rawValue == pipe.writeEnd)
            #expect(!pipe.isWriteEndClosed)
        }
        #expect(pipe.isWriteEndClosed)
    }

    @Test func anOwnedDescriptorIsClosedWhenItsOwnersInitialiserThrows() throws {
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

    @Test func aResourceStackLetsGoOfTheNewestFirst() {
        let events = Events()
        do {
            var stack = ResourceStack()
            for name in ["first", "second", "third"] { stack.keep(Resource(name, events)) }
            #expect(events.all.isEmpty)
        }
        #expect(events.all == ["third", "second", "first"])
    }

    @Test func aResourceStackCanBeEmptiedAndFilledAgain() {
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

    @Test func aResourceStackLetsGoWhenTheFunctionThrows() {
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

    @Test func whatIsSharedLivesForAsLongAsItsLastUser() {
        let events = Events()
        var stack = ResourceStack()
        let shared = stack.keep(Resource("shared", events))
        stack.releaseAll()
        withExtendedLifetime(shared) { #expect(events.all.isEmpty) }
    }
}

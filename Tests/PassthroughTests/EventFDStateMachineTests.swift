// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Passthrough

struct EventFDStateMachineTests {
    /// What `machine` wants done for `events`.
    private func effects(
        _ machine: inout EventFDStateMachine, _ events: EventFDStateMachine.Event...
    ) -> [EventFDStateMachine.Effect] {
        var effects: [EventFDStateMachine.Effect] = []
        for event in events { machine.handle(event) { effects.append($0) } }
        return effects
    }

    private let access = EventFDStateMachine.Event.access(region: 0, offset: 0x18, length: 4)

    @Test func `a level interrupt unmaps, raises and arms; its end lowers and unmasks`() {
        var machine = EventFDStateMachine(levels: [true], isMapped: true, mapsAgain: true)
        #expect(effects(&machine, .trigger(0, count: 1)) == [.unmap, .raise(0), .armTimer])
        #expect(effects(&machine, .timer) == [.armTimer])
        #expect(effects(&machine, access) == [.lower(0), .unmask(0)])
        #expect(effects(&machine, access) == [])
        #expect(effects(&machine, .timer) == [.map])
        #expect(effects(&machine, .timer) == [])
        #expect(machine.unmapCount == 1 && machine.mapCount == 1)
    }

    @Test func `an edge that comes again while active comes again after its end, once`() {
        var machine = EventFDStateMachine(levels: [false, true], isMapped: true, mapsAgain: false)
        _ = effects(
            &machine, .trigger(0, count: 1), .trigger(0, count: 1), .trigger(1, count: 1), .trigger(0, count: 3))
        #expect(effects(&machine, access) == [.lower(0), .raise(0)])
        #expect(effects(&machine, access) == [.lower(0), .raise(1)])
        #expect(effects(&machine, access) == [.lower(1), .unmask(1)])
        let counters = machine.lines[0].counters
        #expect(counters.raised == 5 && counters.delivered == 2 && counters.coalesced == 3 && counters.queued == 1)
    }

    @Test func `an access outside the range that ends interrupts doesn't`() {
        let range = EventFDStateMachine.EndRange(region: 1, offset: 0x100, length: 4)
        var machine = EventFDStateMachine(levels: [true], isMapped: true, mapsAgain: true, endRange: range)
        _ = effects(&machine, .trigger(0, count: 1))
        for outside: (Int, UInt64, UInt64) in [(0, 0x100, 4), (1, 0xFC, 4), (1, 0x104, 8), (1, .max, 8)] {
            #expect(
                effects(&machine, .access(region: outside.0, offset: outside.1, length: outside.2)) == [], "\(outside)")
        }
        #expect(effects(&machine, .access(region: 1, offset: 0xF9, length: 8)) == [.lower(0), .unmask(0)])
    }

    /// More than a million events; the seeds are fixed, so a failure repeats.
    @Test(arguments: 1...4) func `it agrees with the reference model, and keeps its promises`(seed: UInt64) {
        let (failure, events) = EventFDProperty.run(seed: seed, events: 260_000)
        #expect(failure == nil)
        #expect(events >= 260_000)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Testing

@testable import Passthrough

struct EventFDStateMachineTests {
    /// What `machine` wants done for `events`, on a kernel that unmaps or doesn't.
    private func effects(
        _ machine: inout EventFDStateMachine, canUnmap: Bool = true, _ events: EventFDStateMachine.Event...
    ) -> [EventFDStateMachine.Effect] {
        var effects: [EventFDStateMachine.Effect] = []
        for event in events {
            machine.handle(event) { effect in
                effects.append(effect)
                return canUnmap || effect != .unmap
            }
        }
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
        let range = EndOfInterrupt(region: 1, offset: 0x100, length: 4)
        var machine = EventFDStateMachine(levels: [true], isMapped: true, mapsAgain: true, endOfInterrupt: range)
        _ = effects(&machine, .trigger(0, count: 1))
        for outside: (Int, UInt64, UInt64) in [(0, 0x100, 4), (1, 0xFC, 4), (1, 0x104, 8), (1, .max, 8)] {
            #expect(
                effects(&machine, .access(region: outside.0, offset: outside.1, length: outside.2)) == [], "\(outside)")
        }
        #expect(effects(&machine, .access(region: 1, offset: 0xF9, length: 8)) == [.lower(0), .unmask(0)])
    }

    @Test(arguments: [false, true]) func `a refused unmap holds the interrupt back until it is done`(mapsAgain: Bool) {
        var machine = EventFDStateMachine(levels: [true, false], isMapped: true, mapsAgain: mapsAgain)
        let timer: [EventFDStateMachine.Effect] = mapsAgain ? [.armTimer] : []
        #expect(effects(&machine, canUnmap: false, .trigger(0, count: 1)) == [.unmap, .armRetry])
        #expect(effects(&machine, canUnmap: false, .timer) == [.unmap, .armRetry])
        // What comes meanwhile waits behind it, and isn't a reason to ask again.
        #expect(effects(&machine, .trigger(1, count: 1), .trigger(1, count: 1), access) == [])
        #expect(machine.active == nil && machine.queue == [0, 1])
        #expect(effects(&machine, .timer) == [.unmap, .raise(0)] + timer)
        #expect(effects(&machine, access) == [.lower(0), .unmask(0), .raise(1)] + timer)
        #expect(effects(&machine, access) == [.lower(1)])
        #expect(effects(&machine, .timer) == (mapsAgain ? [.map] : []))
        #expect(machine.refusedUnmapCount == 2 && machine.unmapCount == 1)
        #expect(machine.lines.map(\.counters.queued) == [1, 1] && machine.lines[1].counters.coalesced == 1)
    }

    /// A driver that reads the status first ends the interrupt while the line is still high: VFIO raises it again, and
    /// once more than needed, but what the device asserts in between is not lost.
    @Test func `a status read before the clearing write costs an interrupt and loses none`() {
        var machine = EventFDStateMachine(levels: [true], isMapped: true, mapsAgain: true)
        var (isHigh, isMasked, isRaised) = (false, false, false)
        func perform(_ event: EventFDStateMachine.Event) {
            for effect in effects(&machine, event) {
                switch effect {
                case .raise: isRaised = true
                case .lower: isRaised = false
                case .unmask: isMasked = false
                default: break
                }
            }
            // VFIO's handler.
            while isHigh, !isMasked {
                isMasked = true
                perform(.trigger(0, count: 1))
            }
        }
        var handled = 0
        for _ in 0..<100 {
            isHigh = true
            perform(.timer)
            #expect(isRaised)
            while isRaised {
                perform(access)  // the status
                if isHigh { handled += 1 }
                isHigh = false
                perform(access)  // the clearing write
            }
        }
        #expect(handled == 100)
        let counters = machine.lines[0].counters
        #expect(counters.raised == 200 && counters.delivered == 200 && counters.ended == 200 && counters.coalesced == 0)
    }

    /// More than a million events; the seeds are fixed, so a failure repeats.
    @Test(arguments: 1...4) func `it agrees with the reference model, and keeps its promises`(seed: UInt64) {
        let (failure, events) = EventFDProperty.run(seed: seed, events: 260_000)
        #expect(failure == nil)
        #expect(events >= 260_000)
    }
}

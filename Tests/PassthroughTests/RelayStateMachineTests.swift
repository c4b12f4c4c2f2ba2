// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Passthrough

struct RelayStateMachineTests {
    private func effects(
        _ machine: inout RelayStateMachine, _ event: RelayStateMachine.Event, at now: UInt64 = 0
    ) -> [RelayStateMachine.Effect] {
        var effects: [RelayStateMachine.Effect] = []
        machine.handle(event, now: now) { effects.append($0) }
        return effects
    }

    @Test func `a level line is injected once, and unmasked once at its end`() {
        var machine = RelayStateMachine(isLevel: true, limiter: nil)
        #expect(effects(&machine, .resample) == [])
        #expect(effects(&machine, .trigger(count: 1)) == [.inject])
        #expect(effects(&machine, .trigger(count: 2)) == [])
        #expect(effects(&machine, .resample) == [.unmask])
        #expect(effects(&machine, .resample) == [])
        #expect(effects(&machine, .timer) == [])
        #expect(machine.counters.raised == 3 && machine.counters.delivered == 1 && machine.counters.coalesced == 2)
        #expect(machine.counters.ended == 1)
    }

    @Test func `each edge is injected`() {
        var machine = RelayStateMachine(isLevel: false, limiter: nil)
        for _ in 0..<3 { #expect(effects(&machine, .trigger(count: 1)) == [.inject]) }
        #expect(machine.counters.delivered == 3)
    }

    @Test func `a level line over the limit stays masked until the next is allowed`() {
        var machine = RelayStateMachine(isLevel: true, limiter: StormLimiter(limit: 2, now: 0))
        #expect(effects(&machine, .trigger(count: 1)) == [.inject])
        #expect(effects(&machine, .resample) == [.unmask])
        #expect(effects(&machine, .trigger(count: 1)) == [.inject])
        #expect(effects(&machine, .resample) == [.hold(500_000_000)])
        #expect(effects(&machine, .timer, at: 400_000_000) == [.hold(100_000_000)])
        #expect(effects(&machine, .timer, at: 500_000_000) == [.unmask])
        #expect(machine.counters.stormHeld == 1)
    }

    @Test func `an edge over the limit waits, and takes what comes meanwhile with it`() {
        var machine = RelayStateMachine(isLevel: false, limiter: StormLimiter(limit: 1, now: 0))
        #expect(effects(&machine, .trigger(count: 1)) == [.inject])
        #expect(effects(&machine, .trigger(count: 1)) == [.hold(1_000_000_000)])
        #expect(effects(&machine, .trigger(count: 4)) == [])
        #expect(effects(&machine, .timer, at: 1_000_000_000) == [.inject])
        #expect(machine.counters.raised == 6 && machine.counters.delivered == 2 && machine.counters.coalesced == 4)
    }

    /// Whatever the line does, no second has more than twice the limit, and in the long run it is the limit.
    @Test func `a storm comes through at the limit`() {
        var machine = RelayStateMachine(isLevel: true, limiter: StormLimiter(limit: 100, now: 0))
        var now: UInt64 = 0
        var delivered: [UInt64: Int] = [:]
        while now < 20_000_000_000 {
            for effect in effects(&machine, .trigger(count: 1), at: now) where effect == .inject {
                delivered[now / 1_000_000_000, default: 0] += 1
            }
            now += 1_000
            var wait: UInt64 = 0
            for effect in effects(&machine, .resample, at: now) { if case .hold(let time) = effect { wait = time } }
            while wait > 0 {
                now += wait
                wait = 0
                for effect in effects(&machine, .timer, at: now) { if case .hold(let time) = effect { wait = time } }
            }
        }
        #expect(delivered.values.allSatisfy { $0 <= 201 })
        #expect((2_000...2_110).contains(delivered.values.reduce(0, +)))
    }

    @Test func `a line below the limit is never held`() {
        var machine = RelayStateMachine(isLevel: true, limiter: StormLimiter(limit: 100, now: 0))
        for interrupt in 0..<1_000 as Range<UInt64> {
            // All of a second's worth at its start.
            let now = interrupt / 99 * 1_000_000_000
            #expect(effects(&machine, .trigger(count: 1), at: now) == [.inject])
            #expect(effects(&machine, .resample, at: now) == [.unmask])
        }
    }

    @Test func `a clock that stands or jumps does no harm`() throws {
        #expect(StormLimiter(limit: 0, now: 0) == nil)
        var limiter = try #require(StormLimiter(limit: 1_000_000, now: 5))
        #expect(limiter.wait(now: 0) == 0)
        #expect(limiter.wait(now: .max) == 0)
        limiter.take(now: .max)
    }
}

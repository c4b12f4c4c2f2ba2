// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import LinuxSystem

// mutate-eventfd.sh compiles this file with the state machine's own, without any module.
#if canImport(Passthrough)
@testable import Passthrough
#endif

/// The eventfd path's rules a second time, told differently: one list of interrupts whose head is being served.
struct EventFDReference {
    var kinds: [Bool]
    var mapsAgain: Bool
    var endOfInterrupt: EndOfInterrupt?
    /// The head is with the guest, the rest waits; or all of it waits for the regions to be unmapped.
    var served: [Int] = []
    var isStuck = false
    var hasRegions: Bool
    var regions: String
    var clock = "stopped"
    var coalesced: [Int]

    init(levels: [Bool], isMapped: Bool, mapsAgain: Bool, endOfInterrupt: EndOfInterrupt?) {
        kinds = levels
        hasRegions = isMapped
        regions = isMapped ? "mapped" : "trapped"
        self.mapsAgain = mapsAgain
        self.endOfInterrupt = endOfInterrupt
        coalesced = levels.map { _ in 0 }
    }

    /// - Parameter canUnmap: whether the kernel unmaps now, should it be asked to.
    mutating func handle(_ event: EventFDStateMachine.Event, canUnmap: Bool) -> [EventFDStateMachine.Effect] {
        switch event {
        case .trigger(let line, let count):
            coalesced[line] += Int(count) - 1
            // A level line that is in the list at all needs no second place; an edge may have one behind the head.
            let places = kinds[line] || isStuck ? served[...] : served.dropFirst()
            if places.contains(line) {
                coalesced[line] += 1
                return []
            }
            served.append(line)
            return served.count == 1 ? serveHead(canUnmap: canUnmap) : []
        case .access(let region, let offset, let length):
            if served.isEmpty || isStuck { return [] }
            if let range = endOfInterrupt {
                let touched = (offset..<offset + length).contains {
                    range.offset <= $0 && $0 < range.offset + range.length
                }
                if region != range.region || !touched { return [] }
            }
            let line = served.removeFirst()
            let end: [EventFDStateMachine.Effect] = kinds[line] ? [.lower(line), .unmask(line)] : [.lower(line)]
            return served.isEmpty ? end : end + serveHead(canUnmap: canUnmap)
        case .timer:
            switch (clock, served.isEmpty) {
            case ("retrying", _):
                clock = "stopped"
                isStuck = false
                return serveHead(canUnmap: canUnmap)
            case ("running", true):
                clock = "stopped"
                regions = "mapped"
                return [.map]
            case ("running", false): return [.armTimer]
            default: return []
            }
        }
    }

    private mutating func serveHead(canUnmap: Bool) -> [EventFDStateMachine.Effect] {
        var effects: [EventFDStateMachine.Effect] = []
        if regions == "mapped" { effects.append(.unmap) }
        if regions == "mapped" && !canUnmap {
            isStuck = true
            clock = "retrying"
            return effects + [.armRetry]
        }
        regions = "trapped"
        effects.append(.raise(served[0]))
        if hasRegions && mapsAgain {
            clock = "running"
            effects.append(.armTimer)
        }
        return effects
    }
}

/// SplitMix64: the same sequence on every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }
}

/// Drives the state machine with random devices and guests, next to the reference model and to a plain model of the
/// hardware around it, which knows what must never happen.
struct EventFDProperty {
    private var machine: EventFDStateMachine
    private var reference: EventFDReference
    private let levels: [Bool]
    private let hasRegions: Bool
    private let mapsAgain: Bool

    // The hardware: what the device drives, what VFIO has masked, what the guest's interrupt controller sees.
    private var isAsserted: [Bool]
    private var isMasked: [Bool]
    private var isRaised: [Bool]
    private var unmasksDue: [Int]
    private var owed: [Bool]
    private var isMapped: Bool
    private var isTimerArmed = false
    /// The host's kernel: whether it unmaps. It may lack the memory for that.
    private var canUnmap = true
    private var hasRefused = false
    private(set) var eventCount = 0

    /// Runs sequences from `seed` until `limit` events were handled.
    /// - Returns: what went wrong first, or nil.
    static func run(seed: UInt64, events limit: Int) -> (failure: String?, events: Int) {
        var random = SeededGenerator(state: seed)
        var events = 0
        while events < limit {
            let start = random.state
            var property = EventFDProperty(&random)
            let failure = property.play(&random)
            events += property.eventCount
            if let failure { return ("\(failure) (sequence from state \(start), \(property.levels))", events) }
        }
        return (nil, events)
    }

    private init(_ random: inout SeededGenerator) {
        let count = Int(1 + random.below(4))
        var levels: [Bool] = []
        for _ in 0..<count { levels.append(random.below(2) == 0) }
        hasRegions = random.below(4) != 0
        mapsAgain = random.below(4) != 0
        let range: EndOfInterrupt? =
            random.below(2) == 0
            ? nil : .init(region: Int(random.below(2)), offset: 8 + random.below(8), length: 1 + random.below(8))
        machine = EventFDStateMachine(levels: levels, isMapped: hasRegions, mapsAgain: mapsAgain, endOfInterrupt: range)
        reference = EventFDReference(levels: levels, isMapped: hasRegions, mapsAgain: mapsAgain, endOfInterrupt: range)
        self.levels = levels
        isAsserted = levels.map { _ in false }
        isMasked = isAsserted
        isRaised = isAsserted
        owed = isAsserted
        unmasksDue = levels.map { _ in 0 }
        isMapped = hasRegions
    }

    private mutating func play(_ random: inout SeededGenerator) -> String? {
        let length = 10 + random.below(50)
        for _ in 0..<length {
            let line = Int(random.below(UInt64(levels.count)))
            let failure: String?
            canUnmap = random.below(4) != 0
            switch random.below(8) {
            case 0, 1, 2: failure = fire(line, count: random.below(8) == 0 ? 2 + random.below(3) : 1)
            case 3, 4, 5: failure = access(&random)
            case 6:
                // The guest's driver, or the device itself, takes the level away.
                isAsserted[line] = false
                failure = nil
            default: failure = timer(isSpurious: random.below(4) == 0)
            }
            if let failure { return failure }
        }
        return settle()
    }

    /// The device drives a level line high, or pulses an edge.
    private mutating func fire(_ line: Int, count: UInt64) -> String? {
        if levels[line] {
            isAsserted[line] = true
            // A signal of a masked line may have been on its way, or come from VFIO's loop-back.
            return isMasked[line] ? handle(.trigger(line, count: count)) : forward(line)
        }
        owed[line] = true
        return handle(.trigger(line, count: count))
    }

    /// VFIO's handler of a level line: it masks and signals, when it isn't masked already.
    private mutating func forward(_ line: Int) -> String? {
        guard levels[line], isAsserted[line], !isMasked[line] else { return nil }
        isMasked[line] = true
        owed[line] = true
        return handle(.trigger(line, count: 1))
    }

    private mutating func access(_ random: inout SeededGenerator) -> String? {
        let isWide = random.below(2) == 0
        return handle(
            .access(region: Int(random.below(2)), offset: random.below(24), length: isWide ? 8 : 1))
    }

    private mutating func timer(isSpurious: Bool) -> String? {
        guard isTimerArmed || isSpurious else { return nil }
        isTimerArmed = false
        return handle(.timer)
    }

    /// The device falls silent and the guest goes on handling: all that is owed must come.
    private mutating func settle() -> String? {
        canUnmap = true
        for round in 0..<64 {
            if machine.active == nil, let failure = timer(isSpurious: false) { return failure }
            // Every region's whole range, so that an end range is hit wherever it is.
            for region in 0..<2 {
                for offset: UInt64 in stride(from: 0, to: 24, by: 8) {
                    if let failure = handle(.access(region: region, offset: offset, length: 8)) { return failure }
                }
            }
            // A line that is still high must come again for as long as it is.
            if round == 16 { isAsserted = levels.map { _ in false } }
        }
        if let failure = timer(isSpurious: false) { return failure }
        if isRaised.contains(true) { return "a line is still raised after the guest has handled everything" }
        if owed.contains(true) { return "an interrupt was lost" }
        for line in levels.indices where isMasked[line] { return "line \(line) stays masked" }
        if mapsAgain && hasRegions && !isMapped { return "regions are left unmapped at the end" }
        return nil
    }

    private mutating func handle(_ event: EventFDStateMachine.Event) -> String? {
        eventCount += 1
        let wasMapped = isMapped
        let canUnmap = canUnmap
        var found: [EventFDStateMachine.Effect] = []
        machine.handle(event) { effect in
            found.append(effect)
            return canUnmap || effect != .unmap
        }
        hasRefused = false
        let expected = reference.handle(event, canUnmap: canUnmap)
        if found != expected { return "\(event): \(found) instead of \(expected)" }
        for effect in found {
            if let failure = perform(effect, event) { return failure }
        }
        if let failure = checkState(event, wasMapped: wasMapped) { return failure }
        // What an unmasked line does next comes after everything else that this event did.
        for effect in found {
            if case .unmask(let line) = effect, let failure = forward(line) { return failure }
        }
        return nil
    }

    private mutating func perform(
        _ effect: EventFDStateMachine.Effect, _ event: EventFDStateMachine.Event
    ) -> String? {
        switch effect {
        case .unmap:
            if !isMapped { return "unmapped twice" }
            if hasRefused { return "asked twice to unmap at a time" }
            hasRefused = !canUnmap
            isMapped = !canUnmap
        case .map:
            if isMapped { return "mapped twice" }
            if isRaised.contains(true) { return "mapped while an interrupt is active" }
            isMapped = true
        case .raise(let line):
            if isRaised.contains(true) { return "two active" }
            if isMapped { return "raised with the regions mapped: its end would not be seen" }
            if !owed[line] { return "line \(line) was raised without a cause" }
            isRaised[line] = true
            owed[line] = false
            unmasksDue[line] += levels[line] ? 1 : 0
        case .lower(let line):
            if !isRaised[line] { return "lowered a line that is low" }
            guard case .access = event else { return "lowered without an access" }
            isRaised[line] = false
        case .unmask(let line):
            if !levels[line] { return "unmasked an edge" }
            if !isMasked[line] { return "unmasked a line that isn't masked" }
            if isRaised[line] { return "unmasked before the line was lowered" }
            isMasked[line] = false
            unmasksDue[line] -= 1
        case .armTimer:
            if !mapsAgain { return "the timer runs though regions are never to be mapped again" }
            isTimerArmed = true
        case .armRetry:
            if !hasRefused { return "there is nothing to be tried again" }
            isTimerArmed = true
        }
        return nil
    }

    private func checkState(_ event: EventFDStateMachine.Event, wasMapped: Bool) -> String? {
        let active = isRaised.firstIndex(of: true)
        if machine.active != active { return "the active interrupt is not the one that is raised" }
        if Set(machine.queue).count != machine.queue.count { return "queued twice" }
        // Then they wait for the regions to be unmapped, and the timer sees to that.
        let isStuck = active == nil && !machine.queue.isEmpty
        if isStuck, !isMapped { return "queued while nothing is active" }
        if isStuck, !isTimerArmed { return "interrupts wait for the regions, and the timer is off the clock" }
        if machine.isMapped != isMapped { return "it takes the regions for mapped or unmapped, and is wrong" }
        if mapsAgain, hasRegions, !isMapped, !isTimerArmed { return "unmapped, and the timer is off the clock" }
        for line in levels.indices {
            if unmasksDue[line] != (isRaised[line] && levels[line] ? 1 : 0) { return "not one unmask for each end" }
            let counters = machine.lines[line].counters
            let waiting: UInt64 = machine.lines[line].isQueued ? 1 : 0
            if machine.lines[line].isQueued != machine.queue.contains(line) { return "isQueued and queue differ" }
            if counters.raised != counters.delivered + counters.coalesced + waiting { return "counters don't add up" }
            if counters.coalesced != UInt64(reference.coalesced[line]) { return "coalesced is wrong" }
            if counters.delivered != counters.ended + (isRaised[line] ? 1 : 0) { return "ended is wrong" }
            if owed[line], active == nil, !isStuck { return "an interrupt waits though nothing is active" }
            if owed[line], !machine.lines[line].isQueued { return "an interrupt is owed but not queued" }
        }
        if case .timer = event {} else if isMapped && !wasMapped { return "mapped without the timer" }
        return nil
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The rules of the relay path for one interrupt: it takes events and returns effects.
///
/// VFIO masks a level line when it fires. It stays masked until its end was observed and, with a limiter, until another
/// interrupt is allowed. The end of an edge can't be observed; above the limit it waits, and later edges are merged
/// with it. Times are in nanoseconds on a clock that doesn't go back.
struct RelayStateMachine: Equatable, Sendable {
    enum Event: Equatable, Sendable {
        /// The VFIO trigger was signalled, `count` times since it was last read.
        case trigger(count: UInt64)
        /// KVM's resamplefd was signalled: the guest has ended the interrupt.
        case resample
        /// The timer that `hold` started has expired.
        case timer
    }

    enum Effect: Equatable, Sendable {
        /// Signal the irqfd.
        case inject
        /// Let VFIO unmask the line.
        case unmask
        /// Send a timer event after this many nanoseconds.
        case hold(UInt64)
    }

    enum Phase: Equatable, Sendable {
        /// The line may fire.
        case open
        /// A level line was delivered to the guest, and is masked.
        case injected
        /// The limiter delays it: a level line is masked, an edge is not delivered yet.
        case held
    }

    let isLevel: Bool
    private(set) var phase = Phase.open
    private(set) var counters = InterruptCounters()
    private var limiter: StormLimiter?

    init(isLevel: Bool, limiter: StormLimiter?) {
        self.isLevel = isLevel
        self.limiter = limiter
    }

    /// Handles an event that happened at `now`, and passes each effect to `perform`, one after the other.
    mutating func handle(_ event: Event, now: UInt64, perform: (Effect) -> Void) {
        switch event {
        case .trigger(let count): trigger(count, now, perform)
        case .resample: resample(now, perform)
        case .timer: release(now, perform)
        }
    }

    private mutating func trigger(_ count: UInt64, _ now: UInt64, _ perform: (Effect) -> Void) {
        guard count > 0 else { return }
        counters.raised &+= count
        counters.coalesced &+= count - 1
        guard phase == .open else {
            counters.coalesced &+= 1
            return
        }
        // A level line is unmasked only when it may fire, so only an edge can be early.
        if !isLevel, let wait = limiter?.wait(now: now), wait > 0 { return hold(wait, perform) }
        inject(now, perform)
    }

    private mutating func inject(_ now: UInt64, _ perform: (Effect) -> Void) {
        limiter?.take(now: now)
        if isLevel { phase = .injected }
        counters.delivered &+= 1
        perform(.inject)
    }

    private mutating func hold(_ wait: UInt64, _ perform: (Effect) -> Void) {
        phase = .held
        counters.stormHeld &+= 1
        perform(.hold(wait))
    }

    private mutating func resample(_ now: UInt64, _ perform: (Effect) -> Void) {
        guard phase == .injected else { return }
        counters.ended &+= 1
        if let wait = limiter?.wait(now: now), wait > 0 { return hold(wait, perform) }
        phase = .open
        perform(.unmask)
    }

    private mutating func release(_ now: UInt64, _ perform: (Effect) -> Void) {
        guard phase == .held else { return }
        // If the timer expired early, wait for the rest.
        if let wait = limiter?.wait(now: now), wait > 0 { return perform(.hold(wait)) }
        phase = .open
        if isLevel { perform(.unmask) } else { inject(now, perform) }
    }
}

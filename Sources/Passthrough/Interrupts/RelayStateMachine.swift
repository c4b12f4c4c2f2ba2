// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The rules of the relay path for one interrupt: what happened goes in, what to do comes out.
///
/// A level line is masked by VFIO when it fires and stays so until its end was seen and, with a limiter, until another
/// interrupt is allowed. An edge has no end that could be seen; over the limit it waits, and what comes meanwhile is
/// merged with it. Times are in nanoseconds on a clock that doesn't go back.
struct RelayStateMachine: Equatable, Sendable {
    enum Event: Equatable, Sendable {
        /// The VFIO trigger was signalled, `count` times since it was last looked at.
        case trigger(count: UInt64)
        /// KVM's resamplefd was signalled: the guest has ended the interrupt.
        case resample
        /// The timer that `hold` started has expired.
        case timer
    }

    enum Effect: Equatable, Sendable {
        /// Signal the irqfd.
        case inject
        /// Let VFIO take the line's mask away.
        case unmask
        /// Come back with a timer event after this many nanoseconds.
        case hold(UInt64)
    }

    enum Phase: Equatable, Sendable {
        /// The line may fire.
        case open
        /// A level line is with the guest, and masked.
        case injected
        /// The limiter has it: a level line masked, an edge undelivered.
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

    /// Takes an event that happened at `now`, and gives what is to be done to `perform`, one after the other.
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
        // A level line isn't opened before it may fire, so only an edge can be early.
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
        // A timer that came early is asked again.
        if let wait = limiter?.wait(now: now), wait > 0 { return perform(.hold(wait)) }
        phase = .open
        if isLevel { perform(.unmask) } else { inject(now, perform) }
    }
}

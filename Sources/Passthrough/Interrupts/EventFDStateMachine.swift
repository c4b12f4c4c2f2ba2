// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// The rules of the eventfd interrupt path for one device: it takes events and returns effects.
///
/// The guest's end of interrupt can't be observed, so it is inferred: while an interrupt is active the device's regions
/// are unmapped, and the first access that traps counts as its end. That works for one interrupt at a time; others wait
/// in the order of arrival. It is a value without a clock, a lock or a call: `EventFDPath` performs the effects.
///
/// The kernel may refuse to unmap, because it allocates memory for that. The end of an interrupt that is raised then
/// could never be observed, and its line would be stuck. So the interrupt waits (masked if it is level-triggered), and
/// the timer retries until the kernel unmaps. Later interrupts wait behind it.
struct EventFDStateMachine: Equatable, Sendable {
    /// Something that happened.
    enum Event: Equatable, Sendable {
        /// The VFIO trigger of the line at this position was signalled, `count` times since it was last read.
        case trigger(Int, count: UInt64)
        /// The guest's access to a trapped region was done.
        case access(region: Int, offset: UInt64, length: UInt64)
        /// The timer that `armTimer` started has expired.
        case timer
    }

    /// Something to do; effects are performed in the given order.
    enum Effect: Equatable, Sendable {
        /// Take the mapped regions from the guest, so that its next access traps. Only this effect's failure matters
        /// here.
        case unmap
        /// Give the regions back.
        case map
        /// Drive the line of the guest's interrupt controller high.
        case raise(Int)
        case lower(Int)
        /// Let VFIO unmask the line, which it masked when the line fired.
        case unmask(Int)
        /// Start the timer for the time-out, counted from now; an earlier expiry is cancelled.
        case armTimer
        /// Start the timer for a short delay, because an `unmap` was refused; an earlier expiry is cancelled.
        case armRetry
    }

    /// One interrupt of the device.
    struct Line: Equatable, Sendable {
        /// VFIO masks a level-triggered line when it fires.
        let isLevel: Bool
        /// Whether it is in `queue`.
        var isQueued = false
        var counters = InterruptCounters()

        init(isLevel: Bool) { self.isLevel = isLevel }
    }

    private(set) var lines: [Line]
    /// The line that is raised.
    private(set) var active: Int?
    /// Lines to raise, oldest first, each at most once. An edge that fired again while it was active is here too. When
    /// no line is active, they wait until the regions are unmapped.
    private(set) var queue: [Int] = []
    /// Whether the guest accesses the regions without exits.
    private(set) var isMapped: Bool
    private(set) var isTimerArmed = false
    /// How often the regions were taken from the guest.
    private(set) var unmapCount: UInt64 = 0
    private(set) var mapCount: UInt64 = 0
    /// How often the kernel refused to take them.
    private(set) var refusedUnmapCount: UInt64 = 0
    private let endOfInterrupt: EndOfInterrupt?
    private let mapsAgain: Bool

    /// - Parameters:
    ///   - levels: whether each line is level-triggered.
    ///   - isMapped: whether the device has regions that are mapped.
    ///   - mapsAgain: whether the timer is used; otherwise regions stay trapped after the first interrupt.
    ///   - endOfInterrupt: nil when any trapped access ends an interrupt.
    init(levels: [Bool], isMapped: Bool, mapsAgain: Bool, endOfInterrupt: EndOfInterrupt? = nil) {
        lines = levels.map(Line.init)
        self.isMapped = isMapped
        self.mapsAgain = mapsAgain
        self.endOfInterrupt = endOfInterrupt
    }

    /// Handles an event, and passes each effect to `perform`, one after the other.
    /// - Parameter perform: returns whether the effect succeeded, which matters only for `unmap`.
    mutating func handle(_ event: Event, perform: (Effect) -> Bool) {
        switch event {
        case .trigger(let line, let count): trigger(line, count, perform)
        case .access(let region, let offset, let length):
            access(region: region, offset: offset, length: length, perform)
        case .timer: timerExpired(perform)
        }
    }

    private mutating func trigger(_ line: Int, _ count: UInt64, _ perform: (Effect) -> Bool) {
        guard lines.indices.contains(line), count > 0 else { return }
        lines[line].counters.raised &+= count
        lines[line].counters.coalesced &+= count - 1
        // One waiting delivery covers all earlier ones. An active level line is unmasked at its end, and fires again if
        // it is still high. The guest may already have handled an active edge, so a new edge must be delivered again.
        if lines[line].isQueued || (active == line && lines[line].isLevel) {
            lines[line].counters.coalesced &+= 1
            return
        }
        if active == nil, queue.isEmpty, takeRegions(perform) { return activate(line, perform) }
        lines[line].isQueued = true
        lines[line].counters.queued &+= 1
        queue.append(line)
    }

    /// Takes the regions from the guest; returns whether its accesses now trap.
    private mutating func takeRegions(_ perform: (Effect) -> Bool) -> Bool {
        guard isMapped else { return true }
        guard perform(.unmap) else {
            refusedUnmapCount &+= 1
            isTimerArmed = true
            _ = perform(.armRetry)
            return false
        }
        isMapped = false
        unmapCount &+= 1
        return true
    }

    /// Raises a line whose end will be observed.
    private mutating func activate(_ line: Int, _ perform: (Effect) -> Bool) {
        active = line
        lines[line].counters.delivered &+= 1
        _ = perform(.raise(line))
        // Without mapped regions the timer has nothing to do.
        if mapsAgain, unmapCount > 0 {
            isTimerArmed = true
            _ = perform(.armTimer)
        }
    }

    private mutating func activateNext(_ perform: (Effect) -> Bool) {
        guard !queue.isEmpty else { return }
        let next = queue.removeFirst()
        lines[next].isQueued = false
        activate(next, perform)
    }

    private mutating func access(region: Int, offset: UInt64, length: UInt64, _ perform: (Effect) -> Bool) {
        guard let line = active else { return }
        if let endOfInterrupt, !endOfInterrupt.overlaps(region: region, offset: offset, length: length) { return }
        active = nil
        lines[line].counters.ended &+= 1
        _ = perform(.lower(line))
        if lines[line].isLevel { _ = perform(.unmask(line)) }
        activateNext(perform)
    }

    private mutating func timerExpired(_ perform: (Effect) -> Bool) {
        guard isTimerArmed else { return }
        if active != nil {
            _ = perform(.armTimer)
            return
        }
        isTimerArmed = false
        guard queue.isEmpty else {
            if takeRegions(perform) { activateNext(perform) }
            return
        }
        isMapped = true
        mapCount &+= 1
        _ = perform(.map)
    }
}

extension EndOfInterrupt {
    /// Whether an access of the guest touches the range.
    func overlaps(region: Int, offset: UInt64, length: UInt64) -> Bool {
        guard region == self.region, length > 0 else { return false }
        // Only differences: sums of the guest's numbers could overflow.
        return offset < self.offset ? self.offset - offset < length : offset - self.offset < self.length
    }
}

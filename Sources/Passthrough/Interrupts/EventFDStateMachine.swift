// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// The rules of the eventfd interrupt path for one device: what happened goes in, what to do comes out.
///
/// The guest's end of interrupt can't be seen, so it is inferred: while an interrupt is active the device's regions are
/// unmapped, and the first access that traps is taken for it. That works for one interrupt at a time; others wait in
/// the order of arrival. A value without a clock, a lock or a call: `EventFDPath` performs the effects.
///
/// The kernel may refuse to unmap (it allocates memory for that). An interrupt raised then could never be seen to end,
/// and its line would be stuck. So it waits, masked if it is level-triggered, and the timer tries again until the
/// kernel does it; what comes meanwhile waits behind it.
struct EventFDStateMachine: Equatable, Sendable {
    /// Something that happened.
    enum Event: Equatable, Sendable {
        /// The VFIO trigger of the line at this position was signalled, `count` times since it was last looked at.
        case trigger(Int, count: UInt64)
        /// The guest's access to a trapped region was done.
        case access(region: Int, offset: UInt64, length: UInt64)
        /// The timer that `armTimer` started has expired.
        case timer
    }

    /// Something to do, in the order given.
    enum Effect: Equatable, Sendable {
        /// Take the mapped regions from the guest, so that its next access traps. The one effect whose failure matters
        /// here.
        case unmap
        /// Give them back.
        case map
        /// Drive the line of the guest's interrupt controller high.
        case raise(Int)
        case lower(Int)
        /// Let VFIO take the line's mask away, which it set by itself when the line fired.
        case unmask(Int)
        /// Expire after the time-out, counted from now, and not earlier.
        case armTimer
        /// Expire soon, and not earlier than a moment from now: an `unmap` was refused.
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
    /// Lines to raise, oldest first, each at most once. An edge that came again while active is here, too. When nothing
    /// is active, they wait for the regions to be unmapped.
    private(set) var queue: [Int] = []
    /// Whether the guest reaches the regions without exits.
    private(set) var isMapped: Bool
    private(set) var isTimerArmed = false
    /// Regions taken from the guest, and given back, so far.
    private(set) var unmapCount: UInt64 = 0
    private(set) var mapCount: UInt64 = 0
    /// Times that they could not be taken.
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

    /// Takes an event, and gives what is to be done to `perform`, one after the other.
    /// - Parameter perform: says whether it was done, which is only looked at for `unmap`.
    mutating func handle(_ event: Event, perform: (Effect) -> Bool) {
        switch event {
        case .trigger(let line, let count): trigger(line, count, perform)
        case .access(let region, let offset, let length): access(region, offset, length, perform)
        case .timer: timerExpired(perform)
        }
    }

    private mutating func trigger(_ line: Int, _ count: UInt64, _ perform: (Effect) -> Bool) {
        guard lines.indices.contains(line), count > 0 else { return }
        lines[line].counters.raised &+= count
        lines[line].counters.coalesced &+= count - 1
        // One waiting delivery stands for all that came before it. An active level line is unmasked at its end, and
        // fires again if it is still high. An active edge may be one that the guest has dealt with: it has to come
        // again.
        if lines[line].isQueued || (active == line && lines[line].isLevel) {
            lines[line].counters.coalesced &+= 1
            return
        }
        if active == nil, queue.isEmpty, takeRegions(perform) { return activate(line, perform) }
        lines[line].isQueued = true
        lines[line].counters.queued &+= 1
        queue.append(line)
    }

    /// Whether the guest's accesses trap from now on.
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

    /// Raises a line whose end will be seen.
    private mutating func activate(_ line: Int, _ perform: (Effect) -> Bool) {
        active = line
        lines[line].counters.delivered &+= 1
        _ = perform(.raise(line))
        // Without mapped regions there would be nothing for the timer to do.
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

    private mutating func access(_ region: Int, _ offset: UInt64, _ length: UInt64, _ perform: (Effect) -> Bool) {
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
    /// Whether an access of the guest touches the status.
    func overlaps(region: Int, offset: UInt64, length: UInt64) -> Bool {
        guard region == self.region, length > 0 else { return false }
        // Differences only: sums of the guest's numbers might overflow.
        return offset < self.offset ? self.offset - offset < length : offset - self.offset < self.length
    }
}

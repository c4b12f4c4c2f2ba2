// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Console
internal import LinuxSystem
internal import Synchronization

/// An event for a session's thread.
enum SessionEvent: Sendable {
    /// A command. `answer` is called once.
    case command(SessionCommand, answer: @Sendable (SessionAnswer) -> Void)
    /// A key of the user at the console.
    case key(ConsoleInput.Command)
    case signal(CInt)
    /// The end of the guest, sent by a vCPU's thread that has ended.
    case guestEnded(GuestEnd)
}

/// The only queue of a session: any thread adds events, and the thread that runs the machine takes them, in order.
///
/// It outlives the machines of the session, so that no event is lost when the guest is restarted.
///
/// Ownership: everything is under `contents`' lock. The loop is kept only while it runs.
final class SessionQueue: Sendable {
    private struct Contents {
        /// Oldest first.
        var events: [SessionEvent] = []
        /// Woken for each event; nil while no machine runs.
        var loop: EventLoop?
        var state = SessionState.built
        var pauseCount: UInt64 = 0
    }

    private let contents = Mutex(Contents())

    /// Written by the thread that runs the machine.
    var state: SessionState { contents.withLock { $0.state } }
    /// How often the guest was paused, over all its starts.
    var pauseCount: UInt64 { contents.withLock { $0.pauseCount } }

    /// Adds `event`. After the end no event is accepted, and a command is refused on the calling thread.
    func send(_ event: SessionEvent) {
        let hasEnded = contents.withLock { contents in
            if contents.state == .ended { return true }
            contents.events.append(event)
            contents.loop?.wake()
            return false
        }
        if hasEnded { Self.refuse(event) }
    }

    /// Takes the oldest event.
    func take() -> SessionEvent? {
        contents.withLock { $0.events.isEmpty ? nil : $0.events.removeFirst() }
    }

    /// Wakes `loop` for each event from now on, and for those already in the queue.
    func connect(_ loop: EventLoop) {
        contents.withLock { contents in
            contents.loop = loop
            if !contents.events.isEmpty { loop.wake() }
        }
    }

    /// Releases the loop, and drops ends of the guest, which the next machine's vCPUs haven't reported. Call it after
    /// the vCPUs have been joined.
    func disconnect() {
        contents.withLock { contents in
            contents.loop = nil
            contents.events.removeAll { if case .guestEnded = $0 { true } else { false } }
        }
    }

    /// Sets the machine's state.
    func note(_ state: SessionState) {
        contents.withLock { contents in
            if state == .paused, contents.state != .paused { contents.pauseCount += 1 }
            contents.state = state
        }
    }

    /// Accepts no more events, and refuses those that are left.
    func end() {
        let left = contents.withLock { contents in
            contents.state = .ended
            defer { contents.events = [] }
            return contents.events
        }
        for event in left { Self.refuse(event) }
    }

    private static func refuse(_ event: SessionEvent) {
        if case .command(_, let answer) = event { answer(.refused(.ended)) }
    }
}

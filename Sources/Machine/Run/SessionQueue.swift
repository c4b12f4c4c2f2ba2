// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Console
internal import LinuxSystem
internal import Synchronization

/// What a session's thread is told.
enum SessionEvent: Sendable {
    /// By a front. `answer` is called once.
    case command(SessionCommand, answer: @Sendable (SessionAnswer) -> Void)
    /// By the user at the console.
    case key(ConsoleInput.Command)
    case signal(CInt)
    /// By a vCPU's thread, which has ended.
    case guestEnded(GuestEnd)
}

/// The one queue of a session: any thread puts in, and the thread that runs the machine takes out, in order. It
/// outlives the machines of the session, so that nothing is lost between two starts of the guest.
///
/// Ownership: everything is under `contents`' lock. The loop is held only while it runs.
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

    /// Puts `event` in. After the end nothing is taken any more, and a command is refused on the calling thread.
    func send(_ event: SessionEvent) {
        let hasEnded = contents.withLock { contents in
            if contents.state == .ended { return true }
            contents.events.append(event)
            contents.loop?.wake()
            return false
        }
        if hasEnded { Self.refuse(event) }
    }

    /// Takes the oldest event out.
    func take() -> SessionEvent? {
        contents.withLock { $0.events.isEmpty ? nil : $0.events.removeFirst() }
    }

    /// Wakes `loop` for each event from now on, and for those that are there.
    func connect(_ loop: EventLoop) {
        contents.withLock { contents in
            contents.loop = loop
            if !contents.events.isEmpty { loop.wake() }
        }
    }

    /// Lets go of the loop. Ends of the guest that no vCPU of the next machine has reported are forgotten: call it when
    /// the vCPUs have been joined.
    func disconnect() {
        contents.withLock { contents in
            contents.loop = nil
            contents.events.removeAll { if case .guestEnded = $0 { true } else { false } }
        }
    }

    /// Notes what the machine does now.
    func note(_ state: SessionState) {
        contents.withLock { contents in
            if state == .paused, contents.state != .paused { contents.pauseCount += 1 }
            contents.state = state
        }
    }

    /// Takes no more, and refuses what is left.
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

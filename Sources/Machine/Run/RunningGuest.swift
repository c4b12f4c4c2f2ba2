// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Console
internal import LinuxSystem

/// A guest from its start to its end, changed by the events of its session.
///
/// Ownership: it belongs to the thread that runs the machine, which is the event loop's.
struct RunningGuest {
    let runners: [VCPURunner]
    /// In the order in which they were started.
    let devices: [any LiveDevice]
    let controls: BoardControls
    let queue: SessionQueue
    let log: Log
    /// The status of the devices so far.
    let status: () -> SessionStatus
    /// Takes messages for the user at the console.
    let tell: @Sendable (String) -> Void
    /// The first reason for the guest's end.
    private(set) var end: GuestEnd?

    init(
        runners: [VCPURunner], devices: [any LiveDevice], controls: BoardControls, queue: SessionQueue, log: Log,
        status: @escaping () -> SessionStatus, tell: @escaping @Sendable (String) -> Void
    ) {
        self.runners = runners
        self.devices = devices
        self.controls = controls
        self.queue = queue
        self.log = log
        self.status = status
        self.tell = tell
    }

    /// Call it before the vCPUs' threads are started. If the last guest of the session was paused when it asked for a
    /// reset, this one is paused too.
    func begin() {
        if queue.state == .paused { hold() } else { queue.note(.running) }
    }

    /// Handles the queue in order, up to the guest's end. Events after the end are for the next machine.
    mutating func obey() {
        while end == nil, let event = queue.take() { obey(event) }
    }

    private mutating func obey(_ event: SessionEvent) {
        switch event {
        case .command(let command, let answer): answer(obey(command))
        case .key(let key): obey(key)
        case .signal(SignalNumber.user1): tell(status().lines.map { $0 + "\n" }.joined())
        case .signal(let number): end = .signal(number)
        case .guestEnded(let reason): end = reason
        }
    }

    private mutating func obey(_ command: SessionCommand) -> SessionAnswer {
        switch command {
        case .pause:
            if queue.state == .paused { return .refused(.alreadyPaused) }
            pause()
        case .resume:
            guard queue.state == .paused else { return .refused(.notPaused) }
            resume()
        case .stop: end = .quit
        case .pressPowerKey:
            if !controls.pressPowerKey() { return .refused(.noPowerKey) }
        case .status: return .status(status())
        }
        return .done
    }

    private mutating func obey(_ key: ConsoleInput.Command) {
        switch key {
        case .quit: end = .quit
        case .pressPowerKey:
            if !controls.pressPowerKey() { log(.warning, "Ctrl-A p: \(SessionProblem.noPowerKey)") }
        case .togglePause:
            if queue.state == .paused { return resume() }
            pause()
            tell("martlet: the guest is paused; press Ctrl-A z to resume it\n")
        }
    }

    /// Pauses the vCPUs, then the devices, so that no vCPU arms a timer in between.
    private func hold() {
        // Request all pauses first, so that there is only one wait, for the slowest.
        for runner in runners { runner.requestPause() }
        for runner in runners { runner.waitUntilPaused() }
        for device in devices.reversed() { device.pause() }
    }

    private func pause() {
        hold()
        queue.note(.paused)
    }

    private func resume() {
        for device in devices { device.resume() }
        queue.note(.running)
        for runner in runners { runner.resume() }
    }
}

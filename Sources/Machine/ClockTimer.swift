// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Devices
internal import LinuxSystem
internal import Synchronization

/// The host's wall clock, for an emulated RTC.
struct HostClock: WallClock {
    var seconds: Int64 { Clock.realtimeSeconds }
}

/// An RTC's alarm on a timerfd, watched by the machine's event loop.
///
/// Ownership: the handler to call is set once, before the VM runs, under its lock.
final class ClockTimer: AlarmTimer {
    private let timer: TimerDescriptor
    private let loop: EventLoop
    private let token: EventLoop.Token
    private let handler: Handler

    private final class Handler: Sendable {
        let expired = Mutex<(@Sendable () -> Void)?>(nil)
    }

    init(loop: EventLoop, system: any SystemCalls) throws(MachineError) {
        let timer = try naming("timerfd_create") { () throws(Errno) in try TimerDescriptor(of: system) }
        let handler = Handler()
        token = try naming("epoll_ctl for the RTC's alarm") { () throws(Errno) in
            try loop.add(timer.rawValue) {
                if timer.take() { handler.expired.withLock { $0 }?() }
            }
        }
        self.timer = timer
        self.loop = loop
        self.handler = handler
    }

    deinit { loop.remove(token) }

    /// What to call on the event loop's thread when the timer expires.
    func onExpiry(_ body: @escaping @Sendable () -> Void) { handler.expired.withLock { $0 = body } }

    func arm(afterSeconds seconds: UInt32) { timer.arm(nanoseconds: UInt64(seconds) * 1_000_000_000) }

    func disarm() { timer.disarm() }
}

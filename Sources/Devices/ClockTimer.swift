// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import LinuxSystem
internal import Synchronization

/// The host's wall clock, for an emulated RTC.
struct HostClock: WallClock {
    var seconds: Int64 { Clock.realtimeSeconds }
}

/// A one-shot timer on a timerfd, watched by the machine's event loop: an RTC's alarm, the end of a key press.
///
/// Ownership: the handler is set once, before the VM runs; the handler and the pause are under `Handler.state`'s lock.
final class ClockTimer: AlarmTimer {
    private let source: EventSource
    private let timer: Share<TimerDescriptor>
    private let handler: Handler

    private final class Handler: Sendable {
        private struct State {
            var expired: (@Sendable () -> Void)?
            var isPaused = false
            /// The timer has expired during the pause.
            var isDue = false
        }

        private let state = Mutex(State())

        func set(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.expired = body } }

        func pause() { state.withLock { $0.isPaused = true } }

        /// Calls the handler; during a pause it only notes that `resume` must call it.
        func fire() {
            let expired = state.withLock { state in
                if state.isPaused { state.isDue = true }
                return state.isPaused ? nil : state.expired
            }
            expired?()
        }

        func resume() {
            let isDue = state.withLock { state in
                defer { (state.isPaused, state.isDue) = (false, false) }
                return state.isDue
            }
            if isDue { fire() }
        }
    }

    init(loop: EventLoop, system: any SystemCalls) throws(BoardDeviceError) {
        let timer: TimerDescriptor
        do { timer = try TimerDescriptor(of: system) } catch { throw .call("timerfd_create", errno: error) }
        let handler = Handler()
        do {
            source = try loop.add(timer.rawValue) { _ in
                if timer.take() { handler.fire() }
            }
        } catch { throw .call("epoll_ctl for a timer", errno: error) }
        self.timer = Share(timer)
        self.handler = handler
    }

    /// Removes the loop's handler first, then closes the timer, then releases the source, which has a share of the
    /// loop.
    deinit {
        source.stop()
        timer.release()
    }

    /// Sets the handler, which the event loop's thread calls when the timer expires.
    func onExpiry(_ body: @escaping @Sendable () -> Void) { handler.set(body) }

    /// Delays an expiry until `resume`. The timer must not be armed meanwhile.
    func pause() { handler.pause() }

    /// Calls the handler if the timer has expired since `pause`. It runs on this thread, which must be the event
    /// loop's.
    func resume() { handler.resume() }

    func arm(afterSeconds seconds: UInt32) { arm(nanoseconds: UInt64(seconds) * 1_000_000_000) }

    /// Expires once, this long from now.
    func arm(nanoseconds: UInt64) { timer.object?.arm(nanoseconds: nanoseconds) }

    func disarm() { timer.object?.disarm() }
}

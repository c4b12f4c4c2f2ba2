// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for descriptors that signal and for waiting on many of them: eventfd(2), timerfd_create(2), signalfd(2),
/// epoll(7).
///
/// Martlet makes all of these descriptors, and the kernel itself answers: EBADF and EFAULT end the process. The
/// exception is `watch`, whose descriptor may be what the user gave as standard input.
public protocol EventCalls: Sendable {
    /// A non-blocking eventfd with the count 0.
    func createEventDescriptor() throws(Errno) -> CInt
    /// A disarmed, non-blocking timerfd on CLOCK_MONOTONIC.
    func createTimer() throws(Errno) -> CInt
    /// A non-blocking signalfd for `signals`, which are blocked in the calling thread from now on.
    func createSignalDescriptor(_ signals: [CInt]) throws(Errno) -> CInt

    /// Adds one to an eventfd's count. A count at its limit stays there.
    func addToCount(of event: CInt)
    /// Takes the count of an eventfd, or how often a timerfd has expired; 0 for nothing.
    func takeCount(of descriptor: CInt) -> UInt64
    /// Has a timerfd expire once in so long from now; 0 disarms it.
    func setTimer(_ timer: CInt, nanoseconds: UInt64)
    /// The number of a signal that a signalfd has; nil for none.
    func takeSignal(from descriptor: CInt) -> CInt?

    /// An epoll instance that watches nothing.
    func createPoll() throws(Errno) -> CInt
    /// Makes `poll` report `token` whenever `descriptor` is ready for what `interest` says, until `unwatch`.
    /// - Throws: EPERM for what is always ready, EEXIST for what is watched, EBADF for what can't be used at all.
    func watch(_ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt) throws(Errno)
    /// Changes what is reported of a descriptor that is watched.
    func changeWatch(_ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt) throws(Errno)
    /// Ends `watch`. The descriptor must still be open.
    func unwatch(_ descriptor: CInt, in poll: CInt)
    /// Waits for events, and puts them into `batch`; returns how many there are.
    /// - Parameter milliseconds: -1 for any time.
    func waitForEvents(in poll: CInt, into batch: borrowing EventBatch, milliseconds: CInt) throws(Errno) -> Int
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for descriptors that signal, and for waiting on many descriptors: eventfd(2), timerfd_create(2),
/// signalfd(2), epoll(7).
///
/// Martlet creates all of these descriptors, and the kernel itself answers: EBADF and EFAULT end the process. The
/// exception is `watch`, whose descriptor may be the user's standard input.
public protocol EventCalls: Sendable {
    /// A non-blocking eventfd with the count 0.
    func createEventDescriptor() throws(Errno) -> CInt
    /// A disarmed, non-blocking timerfd on CLOCK_MONOTONIC.
    func createTimer() throws(Errno) -> CInt
    /// A non-blocking signalfd for `signals`, which this call blocks in the calling thread.
    func createSignalDescriptor(_ signals: [CInt]) throws(Errno) -> CInt

    /// Adds one to an eventfd's count. A count at its limit stays there.
    func addToCount(of event: CInt)
    /// Returns and resets the count of an eventfd, or the number of expirations of a timerfd; 0 when there is none.
    func takeCount(of descriptor: CInt) -> UInt64
    /// Makes a timerfd expire once, this long from now; 0 disarms it.
    func setTimer(_ timer: CInt, nanoseconds: UInt64)
    /// Takes a signal from a signalfd and returns its number; nil when there is none.
    func takeSignal(from descriptor: CInt) -> CInt?

    /// An epoll instance that watches nothing.
    func createPoll() throws(Errno) -> CInt
    /// Makes `poll` report `token` whenever `descriptor` is ready for an event of `interest`, until `unwatch`.
    /// - Throws: EPERM for a file that is always ready, EEXIST for a descriptor that is already watched, EBADF for one
    ///   that can't be used.
    func watch(_ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt) throws(Errno)
    /// Changes the events that are reported of a watched descriptor.
    func changeWatch(_ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt) throws(Errno)
    /// Ends `watch`. The descriptor must still be open.
    func unwatch(_ descriptor: CInt, in poll: CInt)
    /// Waits for events and puts them into `batch`; returns their number.
    /// - Parameter milliseconds: the longest wait; -1 for no limit.
    func waitForEvents(in poll: CInt, into batch: borrowing EventBatch, milliseconds: CInt) throws(Errno) -> Int
}

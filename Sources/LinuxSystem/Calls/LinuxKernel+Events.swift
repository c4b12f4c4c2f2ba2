// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func createEventDescriptor() throws(Errno) -> CInt { try retrying(ours: "eventfd2") { clinux_eventfd() } }

    public func createTimer() throws(Errno) -> CInt { try retrying(ours: "timerfd_create") { clinux_timerfd() } }

    public func createSignalDescriptor(_ signals: [CInt]) throws(Errno) -> CInt {
        try retrying(ours: "signalfd4") { clinux_signalfd(signals, signals.count) }
    }

    public func addToCount(of event: CInt) {
        // EAGAIN: the count is at its limit. The event is not lost, only merged.
        do throws(Errno) { try retrying(ours: "write of an eventfd") { clinux_count_add(event) } } catch {}
    }

    public func takeCount(of descriptor: CInt) -> UInt64 {
        var count: UInt64 = 0
        // EAGAIN: nothing was signalled. ECANCELED is only for clocks that can be set; Martlet uses none.
        do throws(Errno) {
            try retrying(ours: "read of an eventfd or timerfd") { clinux_count_take(descriptor, &count) }
        } catch { return 0 }
        return count
    }

    public func setTimer(_ timer: CInt, nanoseconds: UInt64) {
        // The kernel has no error for a valid timerfd and a valid time.
        do throws(Errno) {
            try retrying(ours: "timerfd_settime") { clinux_timerfd_set(timer, nanoseconds) }
        } catch {}
    }

    public func takeSignal(from descriptor: CInt) -> CInt? {
        // EAGAIN: no signal has come.
        do throws(Errno) {
            return try retrying(ours: "read of a signalfd") { clinux_signalfd_read(descriptor) }
        } catch { return nil }
    }

    public func createPoll() throws(Errno) -> CInt { try retrying(ours: "epoll_create1") { clinux_epoll_create() } }

    /// Throws EBADF: the user may have opened standard input with O_PATH.
    public func watch(_ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt) throws(Errno) {
        try retrying { clinux_epoll_add(poll, descriptor, interest.epollEvents, token) }
    }

    public func changeWatch(
        _ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt
    ) throws(Errno) {
        try retrying(ours: "epoll_ctl(EPOLL_CTL_MOD)") {
            clinux_epoll_modify(poll, descriptor, interest.epollEvents, token)
        }
    }

    public func unwatch(_ descriptor: CInt, in poll: CInt) {
        // The kernel has no error for a descriptor that is watched.
        do throws(Errno) {
            try retrying(ours: "epoll_ctl(EPOLL_CTL_DEL)") { clinux_epoll_remove(poll, descriptor) }
        } catch {}
    }

    public func waitForEvents(
        in poll: CInt, into batch: borrowing EventBatch, milliseconds: CInt
    ) throws(Errno) -> Int {
        // Safety: the batch has room for as many as the shim fills.
        let (tokens, events) = (batch.tokens, batch.events)
        return Int(try retrying(ours: "epoll_wait") { clinux_epoll_wait(poll, tokens, events, milliseconds) })
    }
}

extension Interest {
    /// The bits for epoll_ctl(2).
    var epollEvents: UInt32 {
        var events: UInt32 = 0
        if contains(.read) { events |= UInt32(CLINUX_EPOLL_READ) }
        if contains(.write) { events |= UInt32(CLINUX_EPOLL_WRITE) }
        if contains(.hangUp) { events |= UInt32(CLINUX_EPOLL_HANG_UP) }
        return events
    }

    /// - Parameter epollEvents: the bits of epoll_wait(2).
    init(epollEvents events: UInt32) {
        self = []
        if events & UInt32(CLINUX_EPOLL_READ) != 0 { insert(.read) }
        if events & UInt32(CLINUX_EPOLL_WRITE) != 0 { insert(.write) }
        if events & UInt32(CLINUX_EPOLL_HUNG_UP) != 0 { insert(.hangUp) }
    }
}

extension EventBatch {
    /// How many events one wait reports at most.
    static var capacity: Int { Int(CLINUX_EPOLL_BATCH) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem

/// Real descriptors, so that an event loop works with this kernel; `traffic` records their use.
extension FakeKernel {
    private var kernel: LinuxKernel { LinuxKernel() }

    private func pass(_ what: String) { withState { $0.traffic.append(what) } }

    public func createEventDescriptor() throws(Errno) -> CInt {
        try acquireRealDescriptor("eventfd") { () throws(Errno) in try kernel.createEventDescriptor() }
    }

    public func createTimer() throws(Errno) -> CInt {
        try acquireRealDescriptor("timerfd_create") { () throws(Errno) in try kernel.createTimer() }
    }

    public func createSignalDescriptor(_ signals: [CInt]) throws(Errno) -> CInt {
        // Without any signal, so that the test's own process can be killed.
        try acquireRealDescriptor("signalfd") { () throws(Errno) in try kernel.createSignalDescriptor([]) }
    }

    public func createPoll() throws(Errno) -> CInt {
        try acquireRealDescriptor("epoll_create1") { () throws(Errno) in try kernel.createPoll() }
    }

    public func addToCount(of event: CInt) {
        pass("write \(name(of: event))")
        kernel.addToCount(of: event)
    }

    public func takeCount(of descriptor: CInt) -> UInt64 {
        let count = kernel.takeCount(of: descriptor)
        pass("read \(name(of: descriptor)) \(count)")
        return count
    }

    public func setTimer(_ timer: CInt, nanoseconds: UInt64) {
        pass("timerfd_settime \(nanoseconds)")
        kernel.setTimer(timer, nanoseconds: nanoseconds)
    }

    public func takeSignal(from descriptor: CInt) -> CInt? {
        pass("read \(name(of: descriptor))")
        return kernel.takeSignal(from: descriptor)
    }

    /// Not in the journal as an acquisition, because it ends with the poll, too (epoll(7)).
    public func watch(_ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt) throws(Errno) {
        try note("epoll_ctl")
        try kernel.watch(descriptor, for: interest, token: token, in: poll)
        pass("epoll_ctl add \(name(of: descriptor)) \(interest.words)")
        withState { $0.watched[descriptor] = (poll, interest) }
    }

    public func changeWatch(
        _ descriptor: CInt, for interest: Interest, token: UInt64, in poll: CInt
    ) throws(Errno) {
        try step("epoll_ctl change")
        try kernel.changeWatch(descriptor, for: interest, token: token, in: poll)
        pass("epoll_ctl change \(name(of: descriptor)) \(interest.words)")
        withState { $0.watched[descriptor] = (poll, interest) }
    }

    public func unwatch(_ descriptor: CInt, in poll: CInt) {
        pass("epoll_ctl remove \(name(of: descriptor))")
        // Otherwise ENOENT: the loop's own watch has failed before.
        let isWatched = withState { $0.watched.removeValue(forKey: descriptor)?.poll == poll }
        if isWatched { kernel.unwatch(descriptor, in: poll) }
    }

    public func waitForEvents(
        in poll: CInt, into batch: borrowing EventBatch, milliseconds: CInt
    ) throws(Errno) -> Int {
        if let failure = withState({ $0.waitFailure }) { throw failure }
        let count = try kernel.waitForEvents(in: poll, into: batch, milliseconds: milliseconds)
        pass("epoll_wait \(count)")
        return count
    }
}

extension Interest {
    /// "read+write".
    fileprivate var words: String {
        var words: [String] = []
        if contains(.read) { words.append("read") }
        if contains(.write) { words.append("write") }
        if contains(.hangUp) { words.append("hangUp") }
        return words.joined(separator: "+")
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A descriptor that an event loop watches, until this object is released or `stop` is called.
///
/// Its owner stops or releases it before it closes the descriptor. Otherwise the loop would stop watching another file
/// that got the same number.
///
/// Ownership: immutable, so any thread may call its methods; the loop guards its own state of the source.
public final class EventSource: Sendable {
    private let loop: EventLoop
    private let token: UInt64
    private let descriptor: CInt

    init(_ loop: EventLoop, token: UInt64, descriptor: CInt) {
        self.loop = loop
        self.token = token
        self.descriptor = descriptor
    }

    /// Changes the events that are watched for.
    ///
    /// With none, only errors and the end of the other side are reported. Does nothing after `stop`.
    /// - Throws: the errors of epoll_ctl(2): ENOMEM.
    public func watch(for interest: Interest) throws(Errno) {
        try loop.change(token, of: descriptor, to: interest)
    }

    /// Stops watching and releases the handler.
    ///
    /// The handler isn't called any more, not even for events that the loop has already received. If this isn't the
    /// loop's thread, one call may still be running. A second `stop` does nothing.
    public func stop() { loop.remove(token, of: descriptor) }

    deinit { stop() }
}

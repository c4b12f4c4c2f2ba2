// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A descriptor that an event loop watches: for as long as this lives, or up to `stop`.
///
/// Its owner stops it, or lets it go, before it closes the descriptor. Otherwise the loop would stop watching whatever
/// has that number then.
///
/// Ownership: immutable, so any thread may call; the loop guards what it knows of the source.
public final class EventSource: Sendable {
    private let loop: EventLoop
    private let token: UInt64
    private let descriptor: CInt

    init(_ loop: EventLoop, token: UInt64, descriptor: CInt) {
        self.loop = loop
        self.token = token
        self.descriptor = descriptor
    }

    /// Watches for this from now on. For none, only an error and the other side's end are reported. Does nothing after
    /// `stop`.
    /// - Throws: what epoll_ctl(2) gives: ENOMEM.
    public func watch(for interest: Interest) throws(Errno) {
        try loop.change(token, of: descriptor, to: interest)
    }

    /// Stops watching and lets go of the handler, which isn't called any more: not even for what the loop has found
    /// already. On another thread than the loop's, one call may still be under way. A second `stop` does nothing.
    public func stop() { loop.remove(token, of: descriptor) }

    deinit { stop() }
}

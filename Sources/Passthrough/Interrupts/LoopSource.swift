// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A descriptor that an event loop watches for as long as this lives.
final class LoopSource: Sendable {
    private let loop: EventLoop
    private let token: EventLoop.Token

    /// - Throws: what `EventLoop.add` gives.
    init(_ loop: EventLoop, _ descriptor: CInt, _ handler: @escaping @Sendable () -> Void) throws(Errno) {
        token = try loop.add(descriptor, handler)
        self.loop = loop
    }

    deinit { loop.remove(token) }
}

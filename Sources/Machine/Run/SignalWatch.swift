// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Signals that arrive in an event loop and nowhere else, for as long as it lives.
final class SignalWatch: Sendable {
    private let signals: SignalDescriptor
    private let loop: EventLoop
    private let token: EventLoop.Token

    /// - Parameter received: called on the loop's thread with the signal's number.
    init(
        _ numbers: [CInt], loop: EventLoop, system: any SystemCalls, received: @escaping @Sendable (CInt) -> Void
    ) throws(MachineError) {
        let signals = try naming("signalfd") { () throws(Errno) in try SignalDescriptor(signals: numbers, of: system) }
        token = try naming("epoll_ctl for signals") { () throws(Errno) in
            try loop.add(signals.rawValue) {
                if let number = signals.take() { received(number) }
            }
        }
        self.signals = signals
        self.loop = loop
    }

    // Without it the loop would keep the handler, which may keep the loop.
    deinit { loop.remove(token) }
}

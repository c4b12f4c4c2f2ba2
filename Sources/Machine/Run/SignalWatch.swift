// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Signals that arrive only in an event loop, for as long as it lives.
final class SignalWatch: Sendable {
    private let signals: Share<SignalDescriptor>
    private let source: EventSource

    /// - Parameter received: called on the loop's thread with the signal's number.
    init(
        _ numbers: [CInt], loop: EventLoop, system: any SystemCalls, received: @escaping @Sendable (CInt) -> Void
    ) throws(MachineError) {
        let signals = try mapError(MachineError.call("signalfd"), try SignalDescriptor(signals: numbers, of: system))
        source = try mapError(
            MachineError.call("epoll_ctl for signals"),
            try loop.add(signals.rawValue) { _ in
                if let number = signals.take() { received(number) }
            })
        self.signals = Share(signals)
    }

    /// Removes the loop's handler first, then closes the descriptor, then releases the source, which has a share of the
    /// loop.
    deinit {
        source.stop()
        signals.release()
    }
}

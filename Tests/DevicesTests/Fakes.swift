// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Devices
import PlatformBus
import Synchronization

/// Remembers the levels that it was driven to.
final class RecordingLine: InterruptLine {
    let spi = SPI(rawValue: 0)
    private let log = Mutex<[Bool]>([])

    /// Every level set, in order.
    var levels: [Bool] { log.withLock { $0 } }
    var isHigh: Bool { levels.last ?? false }

    func setLevel(_ high: Bool) { log.withLock { $0.append(high) } }
    func pulse() {}
}

/// Collects what a serial port sends.
final class RecordingOutput: SerialOutput {
    private let log = Mutex<[UInt8]>([])
    /// Runs on each byte, before it is noted.
    let onTransmit: @Sendable (UInt8) -> Void

    init(onTransmit: @escaping @Sendable (UInt8) -> Void = { _ in }) {
        self.onTransmit = onTransmit
    }

    var bytes: [UInt8] { log.withLock { $0 } }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    func transmit(_ byte: UInt8) {
        onTransmit(byte)
        log.withLock { $0.append(byte) }
    }
}

/// A wall clock that stands until it is set.
final class TestClock: WallClock {
    private let now: Mutex<Int64>

    init(_ seconds: Int64) {
        now = Mutex(seconds)
    }

    var seconds: Int64 {
        get { now.withLock { $0 } }
        set { now.withLock { $0 = newValue } }
    }
}

/// A timer that never expires by itself.
final class TestTimer: AlarmTimer {
    private let log = Mutex<[UInt32?]>([])

    /// What it was armed with, in order; nil for `disarm`.
    var calls: [UInt32?] { log.withLock { $0 } }
    var armed: UInt32? { calls.last ?? nil }

    func arm(afterSeconds: UInt32) { log.withLock { $0.append(afterSeconds) } }
    func disarm() { log.withLock { $0.append(nil) } }
}

/// Counts calls from any thread.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func increment() { count.wrappingAdd(1, ordering: .relaxed) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus
import Synchronization

/// The time of day, for an RTC.
public protocol WallClock: Sendable {
    /// Seconds since 1970-01-01 00:00 UTC.
    var seconds: Int64 { get }
}

/// A timer for an RTC's alarm.
///
/// It is called with the RTC's lock held, and must not call back from there.
public protocol AlarmTimer: Sendable {
    /// Calls the RTC's `alarmExpired` once, `afterSeconds` (at least 1) from now. It replaces an earlier alarm.
    func arm(afterSeconds: UInt32)

    /// Cancels the alarm. An expiry that is already being delivered does no harm.
    func disarm()
}

/// A real-time clock with an alarm: Arm's PrimeCell PL031, running from reset and set to the wall clock.
///
/// If the guest sets the time, only this clock changes. The counter has 32 bits and wraps. An alarm is due when counter
/// and match register are equal, so a match behind the counter is due after the counter has wrapped.
///
/// Source: Arm DDI 0224 (PrimeCell Real Time Clock PL031), chapter 3.
public final class PL031: MMIODevice {
    /// The size of the register block in bytes.
    public static let byteCount: UInt64 = 0x1000

    /// Offsets in bytes (DDI 0224, table 3-1).
    private enum Register: UInt64 {
        case data = 0x00
        case match = 0x04
        case load = 0x08
        case control = 0x0c
        case interruptMask = 0x10
        case rawInterruptStatus = 0x14
        case maskedInterruptStatus = 0x18
        case interruptClear = 0x1c
    }

    private struct State {
        /// How far the counter is ahead of the wall clock, in seconds.
        var offset: Int64 = 0
        var match: UInt32 = 0
        var load: UInt32 = 0
        var interruptEnabled = false
        var interruptRaised = false
        /// The wall-clock time at which the counter reaches `match`; nil when the timer isn't armed.
        var deadline: Int64?
        /// The level that the line was last driven to.
        var lineIsHigh = false
    }

    // Owned by this device. Line and timer are driven with the lock held, so that they get changes in the right order;
    // neither may call back.
    private let state = Mutex(State())
    private let line: any InterruptLine
    private let clock: any WallClock
    private let timer: any AlarmTimer

    /// A clock that shows the time of `clock`.
    ///
    /// - Parameters:
    ///   - line: level-triggered, high while the alarm's interrupt is raised and not masked.
    ///   - timer: calls `alarmExpired`.
    public init(line: any InterruptLine, clock: any WallClock, timer: any AlarmTimer) {
        self.line = line
        self.clock = clock
        self.timer = timer
    }

    /// Call it when the timer has expired.
    ///
    /// An early expiry, or one of an alarm that was moved since, raises no interrupt.
    public func alarmExpired() {
        let now = clock.seconds
        state.withLock { state in
            guard let deadline = state.deadline else { return }
            if now < deadline {
                // The wall clock was set back in the meantime, or is a little slower than the timer.
                timer.arm(afterSeconds: Self.clamp(deadline &- now))
                return
            }
            state.deadline = nil
            state.interruptRaised = true
            driveLine(&state)
        }
    }

    /// A guest's load: any part of a register, of any width.
    ///
    /// In a doubleword the bits above the register are zero.
    public func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        UInt64(readRegister(offset & ~3)) >> ((offset & 3) * 8)
    }

    /// A guest's store: a whole aligned register.
    ///
    /// Other stores are ignored, because the peripheral bus has no byte strobes.
    public func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        guard width == .word, let register = Register(rawValue: offset) else { return }
        let value = UInt32(truncatingIfNeeded: value)
        let now = clock.seconds
        state.withLock { state in
            switch register {
            case .match:
                state.match = value
                scheduleAlarm(&state, now: now)
            case .load:
                state.load = value
                state.offset = Int64(value) &- now
                scheduleAlarm(&state, now: now)
            case .interruptMask:
                state.interruptEnabled = value & 1 != 0
            case .interruptClear:
                // According to the manual bit 0 clears the interrupt, and other bits are undefined; some guests write
                // another bit to clear it.
                if value != 0 { state.interruptRaised = false }
            case .control:
                break  // Section 3.3.4: once the counter runs, writes have no effect.
            case .data, .rawInterruptStatus, .maskedInterruptStatus:
                break  // Read only.
            }
            driveLine(&state)
        }
    }

    private func readRegister(_ offset: UInt64) -> UInt32 {
        guard let register = Register(rawValue: offset) else { return Self.identification(offset) }
        let now = clock.seconds
        return state.withLock { state in
            switch register {
            case .data: Self.counter(state, now: now)
            case .match: state.match
            case .load: state.load
            case .control: 1
            case .interruptMask: state.interruptEnabled ? 1 : 0
            case .rawInterruptStatus: state.interruptRaised ? 1 : 0
            case .maskedInterruptStatus: state.interruptRaised && state.interruptEnabled ? 1 : 0
            case .interruptClear: 0
            }
        }
    }

    private static func counter(_ state: State, now: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: now &+ state.offset)
    }

    private func scheduleAlarm(_ state: inout State, now: Int64) {
        // Modulo 2^32: a match behind the counter is reached after the counter has wrapped.
        let remaining = state.match &- Self.counter(state, now: now)
        if remaining == 0 {
            state.deadline = nil
            state.interruptRaised = true
            timer.disarm()
        } else {
            state.deadline = now &+ Int64(remaining)
            timer.arm(afterSeconds: remaining)
        }
    }

    private static func clamp(_ seconds: Int64) -> UInt32 {
        UInt32(clamping: max(seconds, 1))
    }

    private func driveLine(_ state: inout State) {
        let level = state.interruptRaised && state.interruptEnabled
        guard level != state.lineIsHigh else { return }
        state.lineIsHigh = level
        line.setLevel(level)
    }

    /// PeriphID0-3 and PCellID0-3, one byte in each word (sections 3.3.9 and 3.3.10): part 0x031, designer 0x41 (Arm),
    /// revision 1. Linux's AMBA bus needs them to find a driver.
    private static func identification(_ offset: UInt64) -> UInt32 {
        switch offset {
        case 0xfe0: 0x31
        case 0xfe4: 0x10
        case 0xfe8: 0x14
        case 0xfec: 0x00
        case 0xff0: 0x0d
        case 0xff4: 0xf0
        case 0xff8: 0x05
        case 0xffc: 0xb1
        default: 0
        }
    }
}

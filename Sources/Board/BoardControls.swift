// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// What the devices of a board offer to whoever runs the machine: devices fill it in when they start.
///
/// Ownership: any thread may call it; `press` is under its lock, and is called without the lock held.
public final class BoardControls: Sendable {
    private let press = Mutex<(@Sendable () -> Void)?>(nil)

    /// A board without any controls.
    public init() {}

    /// Called by the device that is the power key.
    /// - Parameter press: presses and lets go of the key; it returns at once. Nil when the device goes.
    public func setPowerKey(_ press: (@Sendable () -> Void)?) { self.press.withLock { $0 = press } }

    /// Presses the power key, which asks the guest to shut down.
    /// - Returns: false where the board has none.
    @discardableResult
    public func pressPowerKey() -> Bool {
        guard let press = press.withLock({ $0 }) else { return false }
        press()
        return true
    }
}

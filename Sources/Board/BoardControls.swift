// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// The controls of a board's devices for the code that runs the machine; devices register them when they start.
///
/// Ownership: any thread may call it; `press` is under its lock, and is called without the lock held.
public final class BoardControls: Sendable {
    private let press = Mutex<(@Sendable () -> Void)?>(nil)

    /// A board without controls.
    public init() {}

    /// Registers the power key; its device calls it.
    /// - Parameter press: presses and releases the key, and returns at once. Nil when the device is released.
    public func setPowerKey(_ press: (@Sendable () -> Void)?) { self.press.withLock { $0 = press } }

    /// Presses the power key, which asks the guest to shut down.
    /// - Returns: false if the board has no power key.
    @discardableResult
    public func pressPowerKey() -> Bool {
        guard let press = press.withLock({ $0 }) else { return false }
        press()
        return true
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Lets threads wait until state that a lock guards has changed (futex(2)).
///
/// No change is missed: take the `count`, look at the guarded state, and `wait(since:)` that count. A change that was
/// signalled after the count was taken ends the wait at once.
///
/// Ownership: any thread may call any method. The word is freed with this object, which every waiting thread keeps
/// alive.
public final class ChangeSignal: Sendable {
    /// The address of the word that the kernel compares.
    private let word: UInt

    /// Starts with a count of 0.
    public init() {
        let pointer = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
        pointer.initialize(to: 0)
        word = UInt(bitPattern: pointer)
    }

    // Safety: init allocated the word at this address, and deinit frees it after all other uses.
    private var pointer: UnsafeMutablePointer<UInt32> {
        UnsafeMutablePointer(bitPattern: word).unsafelyUnwrapped
    }

    deinit { pointer.deallocate() }

    /// The number of changes so far; it wraps around.
    public var count: UInt32 { LinuxKernel().changeCount(of: pointer) }

    /// Waits for a change after `count` was taken.
    ///
    /// It may return without one: look at the state again.
    public func wait(since count: UInt32) { LinuxKernel().waitForChange(of: pointer, since: count) }

    /// Wakes all waiting threads. Call it after the change.
    public func signal() { LinuxKernel().signalChange(of: pointer) }
}

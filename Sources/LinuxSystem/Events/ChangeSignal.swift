// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Lets threads wait until something has changed that a lock of the user's guards (futex(2)).
///
/// No change is missed: take the `count`, look at what is guarded, and `wait(since:)` that count. A change that was
/// signalled after the count was taken ends the wait at once.
///
/// Ownership: any thread may call anything; the word is freed with this object, which all that wait keep alive.
public final class ChangeSignal: Sendable {
    /// The address of the word that the kernel compares.
    private let word: UInt

    /// Nothing has changed so far.
    public init() {
        let pointer = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
        pointer.initialize(to: 0)
        word = UInt(bitPattern: pointer)
    }

    // Safety: the address is that of the word that init has allocated, and deinit, after all other uses, frees.
    private var pointer: UnsafeMutablePointer<UInt32> {
        UnsafeMutablePointer(bitPattern: word).unsafelyUnwrapped
    }

    deinit { pointer.deallocate() }

    /// How many changes there were; wraps.
    public var count: UInt32 { LinuxKernel().changeCount(of: pointer) }

    /// Waits for a change after the one that made `count` what it was. It may return without one: look again.
    public func wait(since count: UInt32) { LinuxKernel().waitForChange(of: pointer, since: count) }

    /// Wakes all that wait. Call it after the change.
    public func signal() { LinuxKernel().signalChange(of: pointer) }
}

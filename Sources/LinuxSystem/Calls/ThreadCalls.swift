// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for threads of this process.
///
/// They touch only Martlet's own memory and threads: EBADF and EFAULT end the process.
public protocol ThreadCalls: Sendable {
    /// Starts a thread called `name`, of at most 15 bytes, that runs `body` with `context`; returns its identifier.
    /// - Throws: EAGAIN when the system's or the user's limit on threads is reached.
    func startThread(
        name: String, context: UnsafeMutableRawPointer, body: @convention(c) (UnsafeMutableRawPointer) -> Void
    ) throws(Errno) -> UInt64
    /// Waits for the thread's end. Call it once.
    func joinThread(_ thread: UInt64)
    /// Interrupts the system call that the thread is in, by a signal (SIGRTMIN).
    func kickThread(_ thread: UInt64)
    /// Installs an empty handler for that signal, once for the process.
    func installKickHandler() throws(Errno)
    /// Restricts the calling thread, and those that it starts later, to these CPUs.
    /// - Throws: EINVAL when it may use none of them. The kernel ignores those that it may not use.
    func setAffinity(_ cpus: [Int]) throws(Errno)

    /// Blocks a signal in the calling thread, and in those that it starts.
    func blockSignal(_ signal: CInt) throws(Errno)
    /// Blocks all signals in the calling thread, and in those that it starts; returns the previous mask.
    func blockAllSignals() -> SignalMask
    /// Sets the calling thread's mask to `mask`.
    func restoreSignals(_ mask: SignalMask)

    /// Sleeps while `word` is `seen`, until the next `signalChange` (futex(2)). It may return earlier.
    func waitForChange(of word: UnsafeMutablePointer<UInt32>, since seen: UInt32)
    /// Adds one to `word`, and wakes all that sleep on it.
    func signalChange(of word: UnsafeMutablePointer<UInt32>)
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for threads of this process. Nothing but Martlet's own memory and threads is in their reach: EBADF and
/// EFAULT end the process.
public protocol ThreadCalls: Sendable {
    /// Starts a thread called `name`, of at most 15 bytes, that runs `body` with `context`; returns what identifies it.
    /// - Throws: EAGAIN when the system's or the user's limit on threads is reached.
    func startThread(
        name: String, context: UnsafeMutableRawPointer, body: @convention(c) (UnsafeMutableRawPointer) -> Void
    ) throws(Errno) -> UInt64
    /// Waits for the thread's end. Call it once.
    func joinThread(_ thread: UInt64)
    /// Takes the thread out of the system call that it is in, by a signal (SIGRTMIN).
    func kickThread(_ thread: UInt64)
    /// Gives that signal its empty handler, once for the process.
    func installKickHandler() throws(Errno)
    /// Lets the calling thread, and those that it starts from now on, run on these CPUs only.
    /// - Throws: EINVAL when there is none among them that it may use; others that it may not are left out without a
    ///   word.
    func setAffinity(_ cpus: [Int]) throws(Errno)

    /// Blocks a signal in the calling thread, and in those that it starts.
    func blockSignal(_ signal: CInt) throws(Errno)
    /// Blocks all signals in the calling thread, and in those that it starts; returns what was blocked before.
    func blockAllSignals() -> SignalMask
    /// Blocks in the calling thread what `mask` has, and nothing else.
    func restoreSignals(_ mask: SignalMask)

    /// Sleeps while `word` is `seen`, up to the next `signalChange` (futex(2)). It may return earlier.
    func waitForChange(of word: UnsafeMutablePointer<UInt32>, since seen: UInt32)
    /// Adds one to `word`, and wakes all that sleep on it.
    func signalChange(of word: UnsafeMutablePointer<UInt32>)
}

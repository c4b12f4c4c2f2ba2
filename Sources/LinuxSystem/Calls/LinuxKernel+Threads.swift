// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// The signals that a thread had blocked.
public struct SignalMask: Sendable {
    fileprivate var set: sigset_t
}

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func startThread(
        name: String, context: UnsafeMutableRawPointer, body: @convention(c) (UnsafeMutableRawPointer) -> Void
    ) throws(Errno) -> UInt64 {
        var thread: UInt64 = 0
        // Safety: the caller keeps the context until the thread has taken it, or the start has failed.
        try check(clinux_thread_start(&thread, name, body, context), ours: "pthread_create")
        return thread
    }

    public func joinThread(_ thread: UInt64) { _ = clinux_thread_join(thread) }

    public func kickThread(_ thread: UInt64) { _ = clinux_thread_kick(thread) }

    public func installKickHandler() throws(Errno) { try check(clinux_install_kick_handler(), ours: "sigaction") }

    public func setAffinity(_ cpus: [Int]) throws(Errno) {
        let numbers = cpus.map { CInt(clamping: $0) }
        // Safety: the call reads `numbers.count` numbers, and keeps none.
        try retrying(ours: "sched_setaffinity") { clinux_set_affinity(numbers, numbers.count) }
    }

    public func blockSignal(_ signal: CInt) throws(Errno) { try check(clinux_block_signal(signal)) }

    public func blockAllSignals() -> SignalMask {
        var mask = SignalMask(set: sigset_t())
        clinux_block_all_signals(&mask.set)
        return mask
    }

    public func restoreSignals(_ mask: SignalMask) {
        var set = mask.set
        clinux_restore_signals(&set)
    }

    public func waitForChange(of word: UnsafeMutablePointer<UInt32>, since seen: UInt32) {
        clinux_change_wait(word, seen)
    }

    public func signalChange(of word: UnsafeMutablePointer<UInt32>) { clinux_change_signal(word) }

    /// The current value of `word`: an atomic load, without a call to the kernel.
    func changeCount(of word: UnsafePointer<UInt32>) -> UInt32 { clinux_change_count(word) }
}

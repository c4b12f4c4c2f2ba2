// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// A thread of the operating system with a name that `top` and `ps` show.
///
/// The owner joins it exactly once; there is no detached form.
public struct SystemThread: Sendable {
    private let identifier: UInt64

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `body` on a new thread called `name` (at most 15 bytes).
    /// - Throws: EAGAIN when the system's or the user's limit on threads is reached.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        let context = Unmanaged.passRetained(Body(body))
        var identifier: UInt64 = 0
        // Safety: the reference count taken above is released by the new thread, or here when there is none.
        let result = clinux_thread_start(
            &identifier, name,
            { context in Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() },
            context.toOpaque())
        if result < 0 { context.release() }
        try check(result)
        self.identifier = identifier
    }

    /// Waits until the thread has ended.
    public func join() { _ = clinux_thread_join(identifier) }

    /// Interrupts the system call that the thread is in (see `installKickHandler`).
    public func kick() { _ = clinux_thread_kill(identifier, clinux_kick_signal()) }

    /// Gives the kick signal (SIGRTMIN) its empty handler, once for the process, before the first `kick`.
    public static func installKickHandler() throws(Errno) { try check(clinux_install_kick_handler()) }
}

/// The process itself.
public enum CurrentProcess {
    /// What has to be done before anything else: SIGUSR1 waits for whoever takes it by a `SignalDescriptor`, and a
    /// write to a closed pipe fails with EPIPE. Both would end the process.
    /// - Throws: nothing that Linux documents for these signals.
    public static func setUpSignals() throws(Errno) {
        try check(clinux_block_signal(userSignal))
        try check(clinux_ignore_broken_pipes())
    }

    /// SIGUSR1, which asks for the state of a machine that runs.
    public static let userSignal = CInt(CLINUX_USER_SIGNAL)

    /// Keeps the descriptors that the process was started with from the programs that it starts. A kernel before Linux
    /// 5.11 can't; each program is started without them in any case.
    public static func keepDescriptorsFromPrograms() { _ = clinux_close_all_on_exec() }

    /// Ends it at once, after flushing what was printed.
    public static func exit(_ status: CInt) -> Never { clinux_exit(status) }
}

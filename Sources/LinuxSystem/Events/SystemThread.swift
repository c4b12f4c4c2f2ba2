// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

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
        // Safety: the new thread releases the reference taken above; without a thread, this function does.
        do throws(Errno) {
            identifier = try LinuxKernel().startThread(name: name, context: context.toOpaque()) { context in
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            }
        } catch {
            context.release()
            throw error
        }
    }

    /// Waits until the thread has ended.
    public func join() { LinuxKernel().joinThread(identifier) }

    /// Interrupts the system call that the thread is in (see `installKickHandler`).
    public func kick() { LinuxKernel().kickThread(identifier) }

    /// Installs an empty handler for the kick signal (SIGRTMIN).
    ///
    /// Call it once in the process, before the first `kick`.
    public static func installKickHandler() throws(Errno) { try LinuxKernel().installKickHandler() }
}

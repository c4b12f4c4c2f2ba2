// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct SystemThreadTests {
    private func name(of body: String) throws -> String {
        let found = Mutex("")
        let thread = try SystemThread(name: body) {
            let text = (try? Sysfs(root: "/proc", system: LinuxKernel()).text("thread-self/comm")) ?? ""
            found.withLock { $0 = text }
        }
        thread.join()
        return found.withLock { $0 }
    }

    @Test func `has the name that tools show`() throws {
        #expect(try name(of: "vcpu31") == "vcpu31")
    }

    @Test func `a long name is cut`() throws {
        #expect(try name(of: "a name that is far too long") == "a name that is")
    }

    @Test func `join waits for the end`() throws {
        let isDone = Atomic<Bool>(false)
        let thread = try SystemThread(name: "worker") {
            usleep(20_000)
            isDone.store(true, ordering: .releasing)
        }
        thread.join()
        let wasDone = isDone.load(ordering: .acquiring)
        #expect(wasDone)
    }

    @Test func `lets go of its body at the end`() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        final class Owner: Sendable {
            let descriptor: OwnedDescriptor
            init(_ raw: CInt) { descriptor = OwnedDescriptor(adopting: raw, of: LinuxKernel()) }
        }
        let thread = try {
            let owner = Owner(pipe.writeEnd)
            return try SystemThread(name: "worker") { withExtendedLifetime(owner) {} }
        }()
        thread.join()
        #expect(pipe.isWriteEndClosed)
    }

    @Test(arguments: [false, true])
    func `a kick interrupts a system call`(isBlockedByTheStarter: Bool) throws {
        try SystemThread.installKickHandler()
        var mask = sigset_t()
        sigemptyset(&mask)
        sigaddset(&mask, __libc_current_sigrtmin())
        var before = sigset_t()
        pthread_sigmask(isBlockedByTheStarter ? SIG_BLOCK : SIG_UNBLOCK, &mask, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let pipe = try Pipe()
        defer {
            close(pipe.readEnd)
            close(pipe.writeEnd)
        }
        let result = Mutex<(count: Int, errno: CInt)?>(nil)
        let thread = try SystemThread(name: "reader") {
            var byte: UInt8 = 0
            let count = read(pipe.readEnd, &byte, 1)
            let error = errno
            result.withLock { $0 = (count, error) }
        }
        // A kick before the thread is in read is lost, as it is before KVM_RUN: hence immediate_exit there, and the
        // repetition here.
        let ended = eventually {
            thread.kick()
            return result.withLock { $0 != nil }
        }
        #expect(ended)
        // Only for a failing test: the thread must be joined.
        if !ended { _ = write(pipe.writeEnd, "x", 1) }
        thread.join()
        #expect(result.withLock { $0?.count } == -1)
        #expect(result.withLock { $0?.errno } == EINTR)
    }
}

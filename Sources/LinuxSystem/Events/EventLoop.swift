// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import Synchronization
public import SystemPackage

/// One thread that waits for many descriptors (epoll(7)) and runs a handler for each that is ready.
///
/// Ownership: handlers are added and removed from any thread, under `sources`' lock; they run on the thread that calls
/// `run`, without the lock held, so a handler may add and remove sources, itself included. A handler removed from
/// another thread may still be running when `remove` returns.
public final class EventLoop: Sendable {
    private struct Sources: ~Copyable {
        var next: UInt64 = 1
        /// The sources' numbers, in ascending order, and the handler of each. No dictionary: making the first one with
        /// a key type costs 200,000 instructions.
        var numbers: [UInt64] = []
        var handlers: [@Sendable () -> Void] = []

        mutating func add(_ handler: @escaping @Sendable () -> Void) -> UInt64 {
            let number = next
            next += 1
            numbers.append(number)
            handlers.append(handler)
            return number
        }

        /// Whether there was such a source.
        mutating func remove(_ number: UInt64) -> Bool {
            guard let index = numbers.firstIndex(of: number) else { return false }
            numbers.remove(at: index)
            handlers.remove(at: index)
            return true
        }

        func handler(_ number: UInt64) -> (@Sendable () -> Void)? {
            numbers.firstIndex(of: number).map { handlers[$0] }
        }
    }

    /// Names a source for as long as it is watched.
    public struct Token: Hashable, Sendable {
        fileprivate let value: UInt64
        fileprivate let descriptor: CInt
    }

    private let system: any SystemCalls
    private let epoll: OwnedDescriptor
    private let wakeUp: EventDescriptor
    private let sources = Mutex(Sources())
    private let stopping = Atomic<Bool>(false)

    /// - Throws: what epoll_create1(2) and eventfd(2) give.
    public init(of system: any SystemCalls = LinuxKernel()) throws(Errno) {
        self.system = system
        epoll = OwnedDescriptor(adopting: try system.createPoll(), of: system)
        wakeUp = try EventDescriptor(of: system)
        try system.watch(wakeUp.rawValue, token: 0, in: epoll.rawValue)
    }

    /// What handlers keep goes first: its descriptors are watched by `epoll`, which goes last.
    deinit {
        let handlers = sources.withLock { sources in
            let handlers = sources.handlers
            (sources.numbers, sources.handlers) = ([], [])
            return handlers
        }
        _ = consume handlers
        wakeUp.close()
        epoll.close()
    }

    /// Runs `handler` whenever `descriptor` can be read, has an error or was hung up, until it is removed.
    /// The descriptor must stay open until then.
    /// - Throws: EPERM for a regular file, which is always readable; ENOSPC, ENOMEM.
    public func add(_ descriptor: CInt, _ handler: @escaping @Sendable () -> Void) throws(Errno) -> Token {
        let value = sources.withLock { $0.add(handler) }
        do { try system.watch(descriptor, token: value, in: epoll.rawValue) } catch {
            _ = sources.withLock { $0.remove(value) }
            throw error
        }
        return Token(value: value, descriptor: descriptor)
    }

    /// Stops watching. A token that was removed already is ignored.
    public func remove(_ token: Token) {
        let known = sources.withLock { $0.remove(token.value) }
        if known { _ = clinux_epoll_remove(epoll.rawValue, token.descriptor) }
    }

    /// Waits for sources and runs their handlers until `stop` is called.
    /// - Parameter woken: called on this thread after `wake`, once for several calls, and also after `stop`.
    /// - Throws: what epoll_wait(2) gives, other than EINTR.
    public func run(woken: () -> Void = {}) throws(Errno) {
        while !stopping.load(ordering: .acquiring) {
            var token: UInt64 = 0
            var events: UInt32 = 0
            let count = try retrying { clinux_epoll_wait(epoll.rawValue, &token, &events, -1) }
            guard count > 0 else { continue }
            if token == 0 {
                _ = wakeUp.take()
                woken()
                continue
            }
            // A source may have been removed after the kernel had reported it.
            let found = token
            if let handler = sources.withLock({ $0.handler(found) }) { handler() }
        }
    }

    /// Has `run` call `woken`, from any thread, also before it was called.
    public func wake() { wakeUp.signal() }

    /// Makes `run` return, from any thread, also before it was called.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wakeUp.signal()
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization
public import SystemPackage

/// One thread that waits for many descriptors (epoll(7)) and runs a handler for each that is ready.
///
/// Ownership: any thread may add and stop sources, under `sources`' lock. Handlers run on the thread that calls `run`.
/// They are called and released without the lock held, so a handler may add and stop sources, its own included.
public final class EventLoop: Sendable {
    private typealias Handler = @Sendable (Interest) -> Void

    private struct Source {
        let token: UInt64
        let handler: Handler
        var interest: Interest
    }

    private struct Sources: ~Copyable {
        var next: UInt64 = 1
        /// In ascending order of their tokens. A token isn't used twice: a source that isn't here was stopped. Not a
        /// dictionary: creating the first one with a key type costs 200,000 instructions.
        var all: [Source] = []

        func index(_ token: UInt64) -> Int? { all.firstIndex { $0.token == token } }
    }

    /// The token of `wakeUp`.
    private static let wakeUpToken: UInt64 = 0

    private let system: any SystemCalls
    private let epoll: OwnedDescriptor
    private let wakeUp: EventDescriptor
    private let sources = Mutex(Sources())
    private let stopping = Atomic<Bool>(false)

    /// - Throws: the errors of epoll_create1(2) and eventfd(2).
    public init(of system: any SystemCalls = LinuxKernel()) throws(Errno) {
        self.system = system
        epoll = OwnedDescriptor(adopting: try system.createPoll(), of: system)
        wakeUp = try EventDescriptor(of: system)
        try system.watch(wakeUp.rawValue, for: .read, token: Self.wakeUpToken, in: epoll.rawValue)
    }

    /// No sources are left here: each of them has a share of the loop.
    deinit {
        system.unwatch(wakeUp.rawValue, in: epoll.rawValue)
        wakeUp.close()
        epoll.close()
    }

    /// Runs `handler` whenever `descriptor` is ready for an event of `interest`, has an error, or lost its other side.
    ///
    /// The handler gets the events that are ready.
    /// - Returns: the source. Its release, or its `stop`, ends the watching, and must come before the descriptor is
    ///   closed.
    /// - Throws: EPERM for a regular file, which is always readable; EEXIST for a descriptor that is watched already;
    ///   ENOSPC, ENOMEM.
    public func add(
        _ descriptor: CInt, _ interest: Interest = .read, _ handler: @escaping @Sendable (Interest) -> Void
    ) throws(Errno) -> EventSource {
        let token = sources.withLock { sources in
            let token = sources.next
            sources.next += 1
            sources.all.append(Source(token: token, handler: handler, interest: interest))
            return token
        }
        do { try system.watch(descriptor, for: interest, token: token, in: epoll.rawValue) } catch {
            _ = take(token)
            throw error
        }
        return EventSource(self, token: token, descriptor: descriptor)
    }

    /// For a source: changes the events that are reported, unless it was stopped. The kernel is called with the lock
    /// held, so that both agree.
    func change(_ token: UInt64, of descriptor: CInt, to interest: Interest) throws(Errno) {
        try sources.withLock { (sources) throws(Errno) in
            guard let index = sources.index(token) else { return }
            try system.changeWatch(descriptor, for: interest, token: token, in: epoll.rawValue)
            sources.all[index].interest = interest
        }
    }

    /// For a source: stops watching, unless it was stopped before.
    func remove(_ token: UInt64, of descriptor: CInt) {
        let handler = take(token)
        if handler != nil { system.unwatch(descriptor, in: epoll.rawValue) }
        // Released here, without the lock: the handler may hold the last share of an object that stops other sources.
        _ = consume handler
    }

    private func take(_ token: UInt64) -> Handler? {
        sources.withLock { sources in
            guard let index = sources.index(token) else { return nil }
            return sources.all.remove(at: index).handler
        }
    }

    /// Waits for sources and runs their handlers until `stop` is called.
    /// - Parameter woken: called on this thread after `wake`, once for several calls, and also after `stop`.
    /// - Throws: the errors of epoll_wait(2), other than EINTR.
    public func run(woken: () -> Void = {}) throws(Errno) {
        let batch = EventBatch()
        while !stopping.load(ordering: .acquiring) {
            let count = try system.waitForEvents(in: epoll.rawValue, into: batch, milliseconds: -1)
            for index in 0..<count {
                let token = batch.token(index)
                if token == Self.wakeUpToken {
                    _ = wakeUp.take()
                    woken()
                } else if !stopping.load(ordering: .acquiring) {
                    handle(token, batch.ready(index))
                }
            }
        }
    }

    /// An earlier handler of the same batch may have stopped the source, or changed its interest.
    private func handle(_ token: UInt64, _ ready: Interest) {
        let source: Source? = sources.withLock { sources in
            guard let index = sources.index(token) else { return nil }
            return sources.all[index]
        }
        guard let source else { return }
        let wanted = ready.intersection(source.interest.union(.hangUp))
        if !wanted.isEmpty { source.handler(wanted) }
    }

    /// Makes `run` call `woken`.
    ///
    /// Any thread may call it, also before `run`.
    public func wake() { wakeUp.signal() }

    /// Makes `run` return.
    ///
    /// Any thread may call it, also before `run`.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wakeUp.signal()
    }
}

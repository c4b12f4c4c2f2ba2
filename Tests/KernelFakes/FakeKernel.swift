// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocols say what each call does.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem
internal import Synchronization

/// A kernel for unit tests: it keeps a journal of what was acquired and released, and fails the call it is told to.
///
/// Descriptors are numbers that no real kernel gives out, save for those that are waited for and signalled (eventfd,
/// timerfd, signalfd, epoll): these are real, so that an event loop on this kernel runs. Mappings are real memory.
/// `FakeKVM` and `FakeVFIO` add their ioctls as extensions, with their part of the state.
public final class FakeKernel: Sendable {
    /// One line of the journal.
    public enum Event: Equatable, Sendable, CustomStringConvertible {
        /// A resource was handed out: its kind and what it is ("open /dev/kvm").
        case acquire(String)
        /// A resource came back; the text is that of its `acquire`.
        case release(String)
        /// A memfd was closed while a mapping of it lives, which keeps the memory: the mapping is what is held from now
        /// on.
        case handOver(String)
        /// A call that leaves nothing behind.
        case call(String)

        public var description: String {
            switch self {
            case .acquire(let what): "+ \(what)"
            case .release(let what): "- \(what)"
            case .handOver(let what): "> \(what)"
            case .call(let what): "  \(what)"
            }
        }
    }

    /// All that the fake knows. Guarded by `state`'s lock: tests may call from several threads.
    public struct State {
        public var journal: [Event] = []
        /// How many calls that can fail were made so far.
        public var callCount = 0
        /// The number of the call that fails, counted from 1.
        public var failingCall: Int?
        public var failure = Errno.ioError
        /// The call that was made to fail.
        public var failedCall: String?
        /// Told of each call that can fail before it is made, without the lock; fails it with what it returns.
        public var beforeCall: (@Sendable (String) -> Errno?)?
        /// With a sysfs that has nothing in it.
        public var files: [String: [UInt8]] = ["/sys/bus/platform/uevent": []]
        public var links: [String: String] = [:]
        /// The records of the kernel's log that are yet to be read; nil where there is no log.
        public var kernelLog: [[UInt8]]?
        /// Paths that `open` accepts besides `files`.
        public var devices: Set<String> = ["/proc/self/pagemap"]
        /// CPUs that the process may run on.
        public var usableCPUs: Set<Int> = [0, 1, 2, 3]
        /// What each sched_setaffinity led to, oldest first.
        public var affinities: [[Int]] = []
        /// How many of them came before the first vCPU was set up.
        public var affinitiesAtFirstVCPU: Int?
        /// What each program that there is does when it is run.
        public var programs: [String: ProgramRun] = [:]
        /// What each program that was run got as its standard input.
        public var programInputs: [String: [UInt8]] = [:]
        /// Those of them that another process has open and shares with nobody.
        public var busyNodes: Set<String> = []
        /// Files that may not be written to.
        public var readOnlyFiles: Set<String> = []
        /// Files that another process has locked.
        public var lockedFiles: Set<String> = []
        /// The locks of files, by descriptor, and whether they are exclusive.
        public var locks: [CInt: Bool] = [:]
        /// What block devices say of themselves, by path.
        public var blockDevices: [String: BlockGeometry] = [:]
        /// What was done with descriptors that are waited for, oldest first: "epoll_ctl add timerfd_create read". Apart
        /// from the journal, which is of what is held.
        public var traffic: [String] = []
        /// What waiting for events fails with.
        public var waitFailure: Errno?
        /// Descriptors that `reopen` gave out: a test's own streams, which the journal leaves out.
        var reopened: Set<CInt> = []
        /// The poll that watches a descriptor.
        var watched: [CInt: (poll: CInt, interest: Interest)] = [:]
        /// What is watched, and for what.
        public var interests: [CInt: Interest] { watched.mapValues { $0.interest } }
        /// What an open descriptor is: the text of its `acquire`.
        public var descriptors: [CInt: String] = [:]
        /// Mappings that live, by address.
        public var mappings: [UInt: Mapping] = [:]
        public var nextDescriptor = FakeKernel.firstFakeDescriptor
        public var kvm = FakeKVMState()
        public var vfio = FakeVFIOState()
        public var sysfs = FakeSysfsState()
        public var memory = FakeMemoryState()
    }

    /// A mapping: the text of its `acquire`, and the descriptor that it was made of.
    public struct Mapping: Sendable {
        public var what: String
        public var descriptor: CInt
        public var size: UInt64
        public var isExcludedFromCoreDumps = false
    }

    /// Over what a process may have open.
    public static let firstFakeDescriptor: CInt = 1 << 24

    private let state = Mutex(State())

    public init() {}

    /// Reads or changes the state.
    public func withState<Result>(_ body: (inout sending State) throws -> sending Result) rethrows -> sending Result {
        try state.withLock(body)
    }

    /// The journal so far.
    public var journal: [Event] { state.withLock { $0.journal } }

    /// What was acquired and not released yet, oldest first.
    public var held: [String] {
        var held: [String] = []
        for event in journal {
            switch event {
            case .acquire(let what): held.append(what)
            case .release(let what), .handOver(let what):
                if let index = held.lastIndex(of: what) { held.remove(at: index) }
            case .call: break
            }
        }
        return held
    }

    /// Whether each release undid the newest thing still held: the strict reverse order of acquisition.
    public var releasedInReverseOrder: Bool { disorder == nil }

    /// The first release that did not undo the newest thing held, in words.
    public var disorder: String? {
        var held: [String] = []
        for event in journal {
            switch event {
            case .acquire(let what): held.append(what)
            case .release(let what):
                let newest = held.popLast()
                if newest != what { return "\(what) was released while \(newest ?? "nothing") was the newest" }
            case .handOver(let what):
                guard let index = held.lastIndex(of: what) else { return "\(what) was handed over, but not held" }
                held.remove(at: index)
            case .call: break
            }
        }
        return nil
    }

    /// Counts a call and fails it when its turn has come.
    public func step(_ call: String) throws(Errno) {
        if let beforeCall = state.withLock({ $0.beforeCall }), let failure = beforeCall(call) { throw failure }
        let failure: Errno? = state.withLock { state in
            state.callCount += 1
            guard state.callCount == state.failingCall else { return nil }
            state.failedCall = call
            return state.failure
        }
        if let failure { throw failure }
    }

    /// Counts a call and, when it doesn't fail, journals it.
    public func note(_ call: String) throws(Errno) {
        try step(call)
        state.withLock { $0.journal.append(.call(call)) }
    }

    /// Counts a call that hands out a resource, and journals the acquisition.
    public func acquire(_ call: String) throws(Errno) {
        try step(call)
        state.withLock { $0.journal.append(.acquire(call)) }
    }

    /// Journals the release of what `acquire` handed out.
    public func release(_ what: String) { state.withLock { $0.journal.append(.release(what)) } }

    /// A new descriptor for `call`, which must be closed.
    public func acquireDescriptor(_ call: String) throws(Errno) -> CInt {
        try acquire(call)
        return state.withLock { state in
            state.nextDescriptor += 1
            state.descriptors[state.nextDescriptor] = call
            return state.nextDescriptor
        }
    }

    /// Counts `call`, makes a real descriptor and journals it; it must be closed.
    func acquireRealDescriptor(_ call: String, _ make: () throws(Errno) -> CInt) throws(Errno) -> CInt {
        try step(call)
        let descriptor = try make()
        state.withLock { state in
            state.journal.append(.acquire(call))
            state.descriptors[descriptor] = call
        }
        return descriptor
    }

    /// What a descriptor is, or "?" for one that is not open.
    public func name(of descriptor: CInt) -> String { state.withLock { $0.descriptors[descriptor] ?? "?" } }
}

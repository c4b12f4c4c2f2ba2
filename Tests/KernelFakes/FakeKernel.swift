// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem
internal import Synchronization

/// A kernel for unit tests: it keeps a journal of acquired and released resources, and fails a chosen call.
///
/// Descriptors are numbers that no real kernel uses. The exceptions are descriptors that are waited for and signalled
/// (eventfd, timerfd, signalfd, epoll): these are real, so that an event loop works with this kernel. Mappings are real
/// memory. `FakeKVM` and `FakeVFIO` add their ioctls as extensions, with their parts of the state.
public final class FakeKernel: Sendable {
    /// One line of the journal.
    public enum Event: Equatable, Sendable, CustomStringConvertible {
        /// A resource was acquired; the text is its call ("open /dev/kvm").
        case acquire(String)
        /// A resource was released; the text is that of its `acquire`.
        case release(String)
        /// A memfd was closed while a mapping of it lives, which keeps the memory: from now on the mapping is what is
        /// held.
        case handOver(String)
        /// A call that acquires nothing.
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

    /// The state of the fake. Guarded by `state`'s lock: tests may call from several threads.
    public struct State {
        public var journal: [Event] = []
        /// How many calls that can fail were made so far.
        public var callCount = 0
        /// The number of the call that fails, counted from 1.
        public var failingCall: Int?
        public var failure = Errno.ioError
        /// The call that was made to fail.
        public var failedCall: String?
        /// Called before each call that can fail, without the lock; the call fails with the errno that it returns.
        public var beforeCall: (@Sendable (String) -> Errno?)?
        /// The files, at first with an empty sysfs.
        public var files: [String: [UInt8]] = ["/sys/bus/platform/uevent": []]
        public var links: [String: String] = [:]
        /// The records of the kernel's log that were not read yet; nil without a log.
        public var kernelLog: [[UInt8]]?
        /// Paths that `open` accepts in addition to `files`.
        public var devices: Set<String> = ["/proc/self/pagemap"]
        /// CPUs that the process may run on.
        public var usableCPUs: Set<Int> = [0, 1, 2, 3]
        /// The resulting CPUs of each sched_setaffinity, oldest first.
        public var affinities: [[Int]] = []
        /// How many of them were set before the first vCPU was set up.
        public var affinitiesAtFirstVCPU: Int?
        /// The result of each existing program.
        public var programs: [String: ProgramRun] = [:]
        /// The standard input of each program that was run.
        public var programInputs: [String: [UInt8]] = [:]
        /// The paths in `devices` that another process has open exclusively.
        public var busyNodes: Set<String> = []
        /// Files that can't be written to.
        public var readOnlyFiles: Set<String> = []
        /// Files that another process has locked.
        public var lockedFiles: Set<String> = []
        /// The locks of files, by descriptor, and whether they are exclusive.
        public var locks: [CInt: Bool] = [:]
        /// The geometry of each block device, by path.
        public var blockDevices: [String: BlockGeometry] = [:]
        /// The calls on descriptors that are waited for, oldest first: "epoll_ctl add timerfd_create read". Apart from
        /// the journal, which has only held resources.
        public var traffic: [String] = []
        /// The error of waiting for events.
        public var waitFailure: Errno?
        /// Descriptors from `reopen`: streams of the test itself, which the journal omits.
        var reopened: Set<CInt> = []
        /// The poll that watches a descriptor.
        var watched: [CInt: (poll: CInt, interest: Interest)] = [:]
        /// The watched descriptors, with their events.
        public var interests: [CInt: Interest] { watched.mapValues { $0.interest } }
        /// The open descriptors, with the text of their `acquire`.
        public var descriptors: [CInt: String] = [:]
        /// The current mappings, by address.
        public var mappings: [UInt: Mapping] = [:]
        public var nextDescriptor = FakeKernel.firstFakeDescriptor
        public var kvm = FakeKVMState()
        public var vfio = FakeVFIOState()
        public var sysfs = FakeSysfsState()
        public var memory = FakeMemoryState()
    }

    /// A mapping: the text of its `acquire`, and its descriptor.
    public struct Mapping: Sendable {
        public var what: String
        public var descriptor: CInt
        public var size: UInt64
        public var isExcludedFromCoreDumps = false
    }

    /// Above every number that a process may open.
    public static let firstFakeDescriptor: CInt = 1 << 24

    private let state = Mutex(State())

    public init() {}

    /// Reads or changes the state.
    public func withState<Result>(_ body: (inout sending State) throws -> sending Result) rethrows -> sending Result {
        try state.withLock(body)
    }

    /// The journal so far.
    public var journal: [Event] { state.withLock { $0.journal } }

    /// The resources that were acquired and not released, oldest first.
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

    /// Whether each release was that of the newest held resource: the strict reverse order of acquisition.
    public var releasedInReverseOrder: Bool { disorder == nil }

    /// The first release that wasn't that of the newest held resource, as text.
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

    /// Counts a call, and makes it fail if it is the chosen one.
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

    /// Counts a call and, if it doesn't fail, journals it.
    public func note(_ call: String) throws(Errno) {
        try step(call)
        state.withLock { $0.journal.append(.call(call)) }
    }

    /// Counts a call that acquires a resource, and journals the acquisition.
    public func acquire(_ call: String) throws(Errno) {
        try step(call)
        state.withLock { $0.journal.append(.acquire(call)) }
    }

    /// Journals the release of a resource from `acquire`.
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

    /// Counts `call`, creates a real descriptor and journals it; it must be closed.
    func acquireRealDescriptor(_ call: String, _ make: () throws(Errno) -> CInt) throws(Errno) -> CInt {
        try step(call)
        let descriptor = try make()
        state.withLock { state in
            state.journal.append(.acquire(call))
            state.descriptors[descriptor] = call
        }
        return descriptor
    }

    /// The text of a descriptor's `acquire`; "?" for one that is not open.
    public func name(of descriptor: CInt) -> String { state.withLock { $0.descriptors[descriptor] ?? "?" } }
}

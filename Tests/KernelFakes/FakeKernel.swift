// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import LinuxSystem
internal import Synchronization

/// A kernel for unit tests: it keeps a journal of what was acquired and released, and fails the call it is told to.
///
/// Descriptors are numbers that no real kernel gives out; mappings are real memory. `FakeKVM` and `FakeVFIO` add their
/// ioctls as extensions, with their part of the state.
public final class FakeKernel: SystemCalls {
    /// One line of the journal.
    public enum Event: Equatable, Sendable, CustomStringConvertible {
        /// A resource was handed out: its kind and what it is ("open /dev/kvm").
        case acquire(String)
        /// A resource came back; the text is that of its `acquire`.
        case release(String)
        /// A call that leaves nothing behind.
        case call(String)

        public var description: String {
            switch self {
            case .acquire(let what): "+ \(what)"
            case .release(let what): "- \(what)"
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
        public var files: [String: [UInt8]] = [:]
        public var links: [String: String] = [:]
        /// Paths that `open` accepts besides `files`.
        public var devices: Set<String> = []
        /// What an open descriptor is: the text of its `acquire`.
        public var descriptors: [CInt: String] = [:]
        /// Mappings that live, by address.
        public var mappings: [UInt: String] = [:]
        public var nextDescriptor: CInt = 1 << 24
        public var kvm = FakeKVMState()
        public var vfio = FakeVFIOState()
    }

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
            case .release(let what):
                if let index = held.lastIndex(of: what) { held.remove(at: index) }
            case .call: break
            }
        }
        return held
    }

    /// Whether each release undid the newest thing still held: the strict reverse order of acquisition.
    public var releasedInReverseOrder: Bool {
        var held: [String] = []
        for event in journal {
            switch event {
            case .acquire(let what): held.append(what)
            case .release(let what): if held.popLast() != what { return false }
            case .call: break
            }
        }
        return true
    }

    /// Counts a call and fails it when its turn has come.
    public func step(_ call: String) throws(Errno) {
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

    /// What a descriptor is, or "?" for one that is not open.
    public func name(of descriptor: CInt) -> String { state.withLock { $0.descriptors[descriptor] ?? "?" } }

    // MARK: SystemCalls

    public func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt {
        let known = state.withLock { $0.devices.contains(path) || $0.files[path] != nil }
        guard known else { throw .noSuchFileOrDirectory }
        return try acquireDescriptor("open \(path)")
    }

    public func close(_ descriptor: CInt) {
        state.withLock { state in
            let what = state.descriptors.removeValue(forKey: descriptor) ?? "close of a stranger: \(descriptor)"
            state.journal.append(.release(what))
        }
    }

    public func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        try step("read \(path)")
        guard let content = state.withLock({ $0.files[path] }) else { throw .noSuchFileOrDirectory }
        guard content.count <= limit else { throw .fileTooLarge }
        return content
    }

    public func listDirectory(_ path: String) throws(Errno) -> [String] {
        try step("list \(path)")
        let names = state.withLock { state in
            let paths = Array(state.files.keys) + Array(state.links.keys) + Array(state.devices)
            return Set(
                paths.filter { $0.hasPrefix(path + "/") }.compactMap {
                    $0.dropFirst(path.count).split(separator: "/").first
                }.map(String.init))
        }
        guard !names.isEmpty else { throw .noSuchFileOrDirectory }
        return names.sorted()
    }

    public func readLink(_ path: String) throws(Errno) -> String {
        try step("readlink \(path)")
        guard let target = state.withLock({ $0.links[path] }) else { throw .noSuchFileOrDirectory }
        return target
    }

    public func isDirectory(_ path: String) throws(Errno) -> Bool {
        try step("stat \(path)")
        let (isFile, isFolder) = state.withLock { state in
            (
                state.files[path] != nil || state.devices.contains(path),
                state.links[path] != nil
                    || (Array(state.files.keys) + Array(state.links.keys) + Array(state.devices)).contains {
                        $0.hasPrefix(path + "/")
                    }
            )
        }
        guard isFile || isFolder else { throw .noSuchFileOrDirectory }
        return isFolder
    }

    public func regularFileSize(_ descriptor: CInt) throws(Errno) -> UInt64 {
        try step("fstat \(name(of: descriptor))")
        guard let content = content(of: descriptor) else { throw .invalidArgument }
        return UInt64(content.count)
    }

    /// The content of the file that was opened as `descriptor`.
    private func content(of descriptor: CInt) -> [UInt8]? {
        withState { $0.files[String($0.descriptors[descriptor]?.dropFirst("open ".count) ?? "")] }
    }

    public func pread(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        try step("pread \(name(of: descriptor))")
        if let content = content(of: descriptor) {
            let rest = content.dropFirst(Int(clamping: offset)).prefix(buffer.count)
            buffer.copyBytes(from: rest)
            return rest.count
        }
        return readDevice(descriptor, buffer, at: offset)
    }

    public func pwrite(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        try step("pwrite \(name(of: descriptor))")
        return writeDevice(descriptor, buffer, at: offset)
    }

    public func createEventDescriptor() throws(Errno) -> CInt { try acquireDescriptor("eventfd") }

    public func createMemory(name: String, size: UInt64) throws(Errno) -> CInt {
        try acquireDescriptor("memfd_create \(name)")
    }

    public func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt {
        let what = "mmap \(name(of: descriptor))"
        try acquire(what)
        // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS: pages come when they are touched.
        let address = clinux_mmap(nil, Int(size), 3, 0x22, -1, 0)
        state.withLock { $0.mappings[UInt(bitPattern: address)] = what }
        return UInt(bitPattern: address)
    }

    public func unmap(address: UInt, size: UInt64) {
        state.withLock { state in
            state.journal.append(.release(state.mappings.removeValue(forKey: address) ?? "munmap of a stranger"))
        }
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { return }
        _ = clinux_munmap(pointer, Int(size))
    }

    public func adviseHugePages(address: UInt, size: UInt64) throws(Errno) {}
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// What is written to without ever waiting for the reader.
public struct NonBlockingOutput: ~Copyable, Sendable {
    /// What became of a write.
    public enum Outcome: Sendable, Equatable {
        case wrote(Int)
        /// The reader is behind, and took nothing.
        case full
        case failed(Errno)
    }

    private enum Route {
        /// A regular file. It never makes a writer wait for a reader; reopened it would lose its position.
        case direct
        /// A non-blocking open file description of our own: a terminal, a pipe.
        case reopened
        /// A descriptor that can't be reopened. A socket has a non-blocking send; the rest is polled before each write,
        /// which is cut off when another writer has taken the room since.
        case shared(byteLimit: Int)
    }

    private let system: any SystemCalls
    private let descriptor: CInt
    private let route: Route

    /// Writes to what `descriptor` refers to. It stays the caller's, its flags are left alone, and it must stay open.
    public init(_ descriptor: CInt, of system: any SystemCalls = LinuxKernel()) {
        self.init(descriptor, of: system, reopens: true)
    }

    /// - Parameter reopens: false as for a file that this user may not open.
    init(_ descriptor: CInt, of system: any SystemCalls = LinuxKernel(), reopens: Bool) {
        self.system = system
        if let status = try? system.fileStatus(descriptor), status.kind == .regular {
            self.descriptor = descriptor
            route = .direct
            return
        }
        if reopens, let own = try? system.reopen(descriptor, forWriting: true) {
            self.descriptor = own
            route = .reopened
            return
        }
        self.descriptor = descriptor
        // poll(2) promises PIPE_BUF (4096) bytes of room in a pipe, and in a terminal just any.
        route = .shared(byteLimit: system.isTerminal(descriptor) ? 1 : 4096)
    }

    deinit {
        if case .reopened = route { try? system.closeFile(descriptor) }
    }

    /// Writes as much as there is room for.
    public func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        // Safety: each call reads at most `bytes.count` bytes from `base`.
        guard let base = bytes.baseAddress, bytes.count > 0 else { return .wrote(0) }
        do throws(Errno) {
            let count = try write(base, bytes.count)
            // A write of no bytes at all is none that POSIX describes; there may be room later.
            return count > 0 ? .wrote(count) : .full
        } catch .resourceTemporarilyUnavailable {
            return .full
        } catch .interrupted {
            return .full
        } catch { return .failed(error) }
    }

    private func write(_ bytes: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        guard case .shared(let byteLimit) = route else { return try system.write(descriptor, bytes, count) }
        do throws(Errno) { return try system.send(descriptor, bytes, count) } catch .notSocket {}
        guard waitUntilWritable(milliseconds: 0) else { throw .resourceTemporarilyUnavailable }
        return try system.writeBriefly(descriptor, bytes, min(count, byteLimit))
    }

    /// Waits until a write would find room or fail. False when the time is over first.
    @discardableResult
    public func waitUntilWritable(milliseconds: CInt) -> Bool {
        (try? system.waitUntilWritable(descriptor, milliseconds: milliseconds)) ?? false
    }

    /// Writes all of it, and waits for the reader for so long in all.
    /// - Throws: ETIMEDOUT when the time is over first, and what write(2) gives.
    public func write(_ bytes: UnsafeRawBufferPointer, within milliseconds: UInt32) throws(Errno) {
        let deadline = Clock.monotonicNanoseconds &+ UInt64(milliseconds) * 1_000_000
        var done = 0
        while done < bytes.count {
            switch write(UnsafeRawBufferPointer(rebasing: bytes[done...])) {
            case .wrote(let count): done += count
            case .failed(let error): throw error
            case .full:
                let now = Clock.monotonicNanoseconds
                guard now < deadline else { throw .timedOut }
                // Rounded up, so that a wait of this length reaches the deadline.
                waitUntilWritable(milliseconds: CInt(clamping: (deadline - now) / 1_000_000 + 1))
            }
        }
    }
}

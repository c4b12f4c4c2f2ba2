// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// An output that is written without ever waiting for the reader.
public struct NonBlockingOutput: ~Copyable, Sendable {
    /// The result of a write.
    public enum Outcome: Sendable, Equatable {
        case wrote(Int)
        /// There is no room; nothing was written.
        case full
        case failed(Errno)
    }

    private enum Route {
        /// A regular file. Writing it never waits for a reader; reopening it would lose its position.
        case direct
        /// A non-blocking open file description of Martlet's own: a terminal, a pipe.
        case reopened
        /// A descriptor that can't be reopened. A socket has a non-blocking send; others are polled before each write,
        /// which is interrupted when another writer has used the room in between.
        case shared(byteLimit: Int)
    }

    private let system: any SystemCalls
    private let descriptor: CInt
    private let route: Route

    /// Writes to the file of `descriptor`.
    ///
    /// The descriptor stays the caller's and must stay open; its flags don't change.
    public init(_ descriptor: CInt, of system: any SystemCalls = LinuxKernel()) {
        self.init(descriptor, of: system, reopens: true)
    }

    /// - Parameter reopens: false acts like a file that this user may not open.
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
        // poll(2) guarantees room for PIPE_BUF (4096) bytes in a pipe, but only for one byte in a terminal.
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
            // POSIX doesn't describe a write that returns 0. There may be room later.
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

    /// Waits until a write would find room or fail.
    ///
    /// False when the time runs out first.
    @discardableResult
    public func waitUntilWritable(milliseconds: CInt) -> Bool {
        (try? system.waitUntilWritable(descriptor, milliseconds: milliseconds)) ?? false
    }

    /// Writes all bytes, and waits for the reader at most this long in total.
    /// - Throws: ETIMEDOUT when the time runs out first, and the errors of write(2).
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
                // Rounded up, so that the wait reaches the deadline.
                waitUntilWritable(milliseconds: CInt(clamping: (deadline - now) / 1_000_000 + 1))
            }
        }
    }
}

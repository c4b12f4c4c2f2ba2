// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// An input that is read without ever waiting for the writer.
///
/// It doesn't wait even if another process takes the bytes between poll(2) and read(2).
public final class NonBlockingInput: Sendable {
    /// The result of a read.
    public enum Outcome: Sendable, Equatable {
        /// This many bytes were read.
        case read(Int)
        /// There is nothing to read now.
        case nothing
        case end
        case failed(Errno)
    }

    private enum Route {
        /// A regular file. Reading it never waits for a writer; reopening it would lose its position.
        case direct
        /// A non-blocking open file description of Martlet's own: a terminal, a pipe.
        case reopened
        /// A descriptor that can't be reopened. A socket has a non-blocking receive; others are polled before each
        /// read, which is interrupted when another reader has taken the bytes in between.
        case shared
    }

    private let system: any SystemCalls
    private let descriptor: CInt
    private let route: Route

    /// Reads from the file of `descriptor`.
    ///
    /// The descriptor stays the caller's and must stay open; its flags don't change.
    public convenience init(_ descriptor: CInt, of system: any SystemCalls = LinuxKernel()) {
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
        if reopens, let own = try? system.reopen(descriptor, forWriting: false) {
            self.descriptor = own
            route = .reopened
        } else {
            self.descriptor = descriptor
            route = .shared
        }
    }

    deinit {
        if route == .reopened { try? system.closeFile(descriptor) }
    }

    /// The number, for an event loop.
    public var rawValue: CInt { descriptor }

    /// Reads what is available into `buffer`, which must not be empty.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        // Safety: each call writes at most `buffer.count` bytes to `base`.
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .nothing }
        do throws(Errno) {
            let count = try read(base, buffer.count)
            return count > 0 ? .read(count) : .end
        } catch .resourceTemporarilyUnavailable {
            return .nothing
        } catch .interrupted {
            return .nothing
        } catch { return .failed(error) }
    }

    private func read(_ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int {
        guard route == .shared else { return try system.read(descriptor, buffer, count) }
        do throws(Errno) { return try system.receive(descriptor, buffer, count) } catch .notSocket {}
        guard try system.waitUntilReadable(descriptor, milliseconds: 0) else { throw .resourceTemporarilyUnavailable }
        return try system.readBriefly(descriptor, buffer, count)
    }
}

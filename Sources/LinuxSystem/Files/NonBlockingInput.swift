// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// What is read from without ever waiting for the writer, even if another process takes the bytes between poll(2) and
/// read(2).
public final class NonBlockingInput: Sendable {
    /// What became of a read.
    public enum Outcome: Sendable, Equatable {
        /// So many bytes came.
        case read(Int)
        /// There is nothing now.
        case nothing
        case end
        case failed(Errno)
    }

    private enum Route {
        /// A regular file. It never makes a reader wait for a writer; reopened it would lose its position.
        case direct
        /// A non-blocking open file description of our own: a terminal, a pipe.
        case reopened
        /// A descriptor that can't be reopened. A socket has a non-blocking receive; the rest is polled before each
        /// read, which is cut off when another reader has taken the bytes since.
        case shared
    }

    private let system: any SystemCalls
    private let descriptor: CInt
    private let route: Route

    /// Reads from what `descriptor` refers to. It stays the caller's, its flags are left alone, and it must stay open.
    public convenience init(_ descriptor: CInt, of system: any SystemCalls = LinuxKernel()) {
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

    /// Reads what there is into `buffer`, which isn't empty.
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

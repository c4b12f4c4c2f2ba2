// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
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

    private let descriptor: CInt
    private let route: Route

    /// Reads from what `descriptor` refers to. It stays the caller's, its flags are left alone, and it must stay open.
    public convenience init(_ descriptor: CInt) { self.init(descriptor, reopens: true) }

    /// - Parameter reopens: false as for a file that this user may not open.
    init(_ descriptor: CInt, reopens: Bool) {
        if clinux_is_regular_file(descriptor) > 0 {
            self.descriptor = descriptor
            route = .direct
            return
        }
        let own = reopens ? clinux_reopen(descriptor, false) : -EACCES
        self.descriptor = own >= 0 ? own : descriptor
        route = own >= 0 ? .reopened : .shared
    }

    deinit {
        if route == .reopened { _ = clinux_close(descriptor) }
    }

    /// The number, for an event loop.
    public var rawValue: CInt { descriptor }

    /// Reads what there is into `buffer`, which isn't empty.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        // Safety: each call writes at most `buffer.count` bytes to `base`.
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .nothing }
        let result: Int
        switch route {
        case .direct, .reopened:
            result = clinux_read(descriptor, base, buffer.count)
        case .shared:
            let received = clinux_receive_nonblocking(descriptor, base, buffer.count)
            if received != -Int(ENOTSOCK) {
                result = received
            } else if clinux_poll_readable(descriptor, 0) <= 0 {
                return .nothing
            } else {
                result = clinux_read_briefly(descriptor, base, buffer.count)
            }
        }
        switch result {
        case 1...: return .read(result)
        case 0: return .end
        case -Int(EAGAIN), -Int(EINTR): return .nothing
        default: return .failed(Errno(rawValue: CInt(truncatingIfNeeded: -result)))
        }
    }
}

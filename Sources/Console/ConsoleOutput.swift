// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import Synchronization

/// The guest's serial output, on its way to a terminal, pipe, socket or file.
///
/// Bytes are collected and written at each newline, at each 512 bytes, and by `flush`. A write never waits in the
/// kernel. If the reader is so slow that the buffer is full, the vCPU waits for it as it would for a real serial line,
/// but for a limited time: after 100 ms without progress, or after 6 s of waiting in total since the buffer was last
/// empty, bytes are dropped and counted until there is room again.
///
/// If writing fails permanently (a closed pipe, a full disk, a terminal that was hung up), this is reported once, all
/// further output is dropped, and the guest runs on.
public final class ConsoleOutput: Sendable {
    /// The number of bytes that wait for a slow reader before the vCPU has to wait.
    public static let capacity = 64 * 1024

    static let flushThreshold = 512
    static let stallLimitNanoseconds: UInt64 = 100_000_000
    /// A serial line of 115200 baud carries 64 KiB in 6 s: no reader needs to be slower.
    static let waitLimitNanoseconds: UInt64 = 6_000_000_000

    private struct State {
        /// At most `capacity` bytes, the oldest first.
        var pending: [UInt8] = []
        /// The bytes that were added since the last attempt to write.
        var untried = 0
        /// Whether `requestFlush` was called, and `flush` wasn't called since.
        var flushRequested = false
        /// False after a failure and after `close`.
        var isOpen = true
        var dropped: UInt64 = 0
        /// When a vCPU first found the buffer full, if no write has succeeded since.
        var stalledSince: UInt64?
        /// How long vCPUs have waited since the buffer was last empty, in nanoseconds.
        var waited: UInt64 = 0
        /// Whether the wait limit is reached: until a write succeeds, bytes are dropped without waiting.
        var isStuck = false
    }

    private enum Step {
        case done
        case requestFlush
        case wait(milliseconds: CInt)
        case failed(Errno)
    }

    // Owned by this object. Writes are made with the lock held, which keeps the bytes in order; they don't wait. Waits,
    // and calls of the two closures, are outside the lock.
    private let state = Mutex(State())
    private let descriptor: NonBlockingOutput
    private let requestFlush: @Sendable () -> Void
    private let onFailure: @Sendable (Errno) -> Void

    /// Writes to the file of `descriptor`.
    ///
    /// The descriptor stays the caller's and must stay open for as long as this object lives; its flags don't change.
    /// The process must ignore SIGPIPE: see `CurrentProcess.setUpSignals`.
    ///
    /// - Parameters:
    ///   - requestFlush: called when bytes stay in the buffer (a prompt has no newline, a reader is slow), once until
    ///     `flush` is called. It runs on a vCPU thread, or on the thread that calls `flush`. It should start a timer
    ///     that calls `flush` some milliseconds later.
    ///   - onFailure: called at most once, with the reason why no more output is written.
    public init(
        descriptor: CInt, of system: any SystemCalls = LinuxKernel(), requestFlush: @escaping @Sendable () -> Void,
        onFailure: @escaping @Sendable (Errno) -> Void
    ) {
        self.descriptor = NonBlockingOutput(descriptor, of: system)
        self.requestFlush = requestFlush
        self.onFailure = onFailure
    }

    /// The number of bytes that the guest sent and that were dropped.
    public var droppedByteCount: UInt64 { state.withLock { $0.dropped } }

    /// Takes a byte from the guest; see the type for how long that may take.
    public func transmit(_ byte: UInt8) {
        while true {
            switch state.withLock({ accept(byte, &$0) }) {
            case .done:
                return
            case .requestFlush:
                return requestFlush()
            case .failed(let error):
                return onFailure(error)
            case .wait(let milliseconds):
                let start = Clock.monotonicNanoseconds
                descriptor.waitUntilWritable(milliseconds: milliseconds)
                let end = Clock.monotonicNanoseconds
                state.withLock { $0.waited &+= end &- start }
            }
        }
    }

    /// Writes as much as there is room for, without waiting.
    public func flush() {
        let step: Step = state.withLock { state in
            state.flushRequested = false
            if let error = drain(&state) { return .failed(error) }
            return noteLeftovers(&state)
        }
        switch step {
        case .requestFlush: requestFlush()
        case .failed(let error): onFailure(error)
        case .done, .wait: break
        }
    }

    /// Writes the rest, and accepts no more bytes.
    ///
    /// Bytes that the reader doesn't take in time are dropped.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for a slow reader in total.
    public func close(timeoutMilliseconds: UInt32 = 1000) {
        let deadline = Clock.monotonicNanoseconds &+ UInt64(timeoutMilliseconds) * 1_000_000
        while true {
            let step: Step = state.withLock { state in
                if let error = drain(&state) { return .failed(error) }
                let now = Clock.monotonicNanoseconds
                if state.pending.isEmpty || now >= deadline {
                    shut(&state)
                    return .done
                }
                return .wait(milliseconds: Self.milliseconds(deadline - now))
            }
            switch step {
            case .wait(let milliseconds):
                descriptor.waitUntilWritable(milliseconds: milliseconds)
            case .failed(let error):
                return onFailure(error)
            case .done, .requestFlush:
                return
            }
        }
    }

    private func accept(_ byte: UInt8, _ state: inout State) -> Step {
        guard state.isOpen else {
            state.dropped &+= 1
            return .done
        }
        state.untried += 1
        let isDue = byte == UInt8(ascii: "\n") || state.untried >= Self.flushThreshold
        if state.pending.count >= Self.capacity {
            if isDue || !state.isStuck, let error = drain(&state) {
                state.dropped &+= 1
                return .failed(error)
            }
            if state.pending.count >= Self.capacity {
                if let milliseconds = patience(&state) { return .wait(milliseconds: milliseconds) }
                state.dropped &+= 1
                return noteLeftovers(&state)
            }
        }
        state.pending.append(byte)
        if isDue, let error = drain(&state) { return .failed(error) }
        return noteLeftovers(&state)
    }

    /// How long a vCPU may wait for room; nil if it must drop its byte.
    private func patience(_ state: inout State) -> CInt? {
        if state.isStuck { return nil }
        let now = Clock.monotonicNanoseconds
        let stalledSince = state.stalledSince ?? now
        state.stalledSince = stalledSince
        let stalled = now &- stalledSince
        guard stalled < Self.stallLimitNanoseconds, state.waited < Self.waitLimitNanoseconds else {
            state.isStuck = true
            return nil
        }
        return Self.milliseconds(
            min(Self.stallLimitNanoseconds - stalled, Self.waitLimitNanoseconds - state.waited))
    }

    /// Writes until nothing is left or the reader takes no more. A failure is returned once, and closes the output.
    private func drain(_ state: inout State) -> Errno? {
        state.untried = 0
        var written = 0
        let failure: Errno? = state.pending.withUnsafeBytes { bytes in
            while written < bytes.count {
                // Safety: the slice is used within this closure only.
                switch descriptor.write(UnsafeRawBufferPointer(rebasing: bytes[written...])) {
                case .wrote(let count): written += count
                case .full: return nil
                case .failed(let error): return error
                }
            }
            return nil
        }
        if written > 0 {
            state.stalledSince = nil
            state.isStuck = false
            if written == state.pending.count {
                state.pending.removeAll(keepingCapacity: true)
                state.waited = 0
            } else {
                state.pending.removeFirst(written)
            }
        }
        if failure != nil { shut(&state) }
        return failure
    }

    private func noteLeftovers(_ state: inout State) -> Step {
        guard !state.pending.isEmpty, !state.flushRequested else { return .done }
        state.flushRequested = true
        return .requestFlush
    }

    private func shut(_ state: inout State) {
        state.isOpen = false
        state.dropped &+= UInt64(state.pending.count)
        state.pending = []
    }

    /// Rounded up, so that the wait reaches its deadline.
    private static func milliseconds(_ nanoseconds: UInt64) -> CInt {
        CInt(clamping: nanoseconds / 1_000_000 + 1)
    }
}

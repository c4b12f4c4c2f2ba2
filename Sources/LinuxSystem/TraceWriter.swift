// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import Synchronization
public import SystemPackage

/// Writes trace events, a line each, from a thread of its own: who traces never waits for whoever reads the lines.
///
/// The lines come in the order of their timestamps. So many wait for a slow reader; what comes on top is dropped, and a line
/// says how many were at the place where they are missing.
///
/// Ownership: the thread and the owner share `Core`, whose state is under its lock. It is held for the length of an append or
/// of a swap, below whatever lock the tracing thread has, and nothing is called out to under it but the clock.
public final class TraceWriter: Sendable {
    /// The number of lines that may wait: some 100 bytes each.
    public static let capacity = 4096
    /// The kernel keeps a write of so many bytes to a pipe in one piece (PIPE_BUF, pipe(7)): no message gets between the parts
    /// of a line.
    private static let pieceBytes = 4096

    private struct Line {
        let nanoseconds: UInt64
        let name: String
        let detail: String
    }

    private struct State {
        var lines: [Line] = []
        /// Lines that had no room since `lines` was taken last, and when the first of them came.
        var dropped: UInt64 = 0
        var droppedSince: UInt64 = 0
        var isClosed = false
    }

    private final class Core: Sendable {
        let state = Mutex(State())
        /// Signalled when there is something after there was nothing.
        let wakeUp: EventDescriptor
        /// Signalled when the thread takes lines, and when it takes no more.
        let progress: EventDescriptor
        let write: @Sendable (String) -> Void

        init(_ write: @escaping @Sendable (String) -> Void) throws(Errno) {
            wakeUp = try EventDescriptor(of: LinuxKernel())
            progress = try EventDescriptor(of: LinuxKernel())
            self.write = write
        }

        func run() {
            clinux_block_all_signals()
            progress.signal()
            while true {
                let batch = state.withLock { state in
                    let batch = state
                    state.lines = []
                    state.dropped = 0
                    return batch
                }
                if !batch.lines.isEmpty {
                    write(batch)
                } else if batch.isClosed {
                    break
                } else {
                    _ = clinux_poll_readable(wakeUp.rawValue, -1)
                    _ = wakeUp.take()
                }
            }
            progress.signal()
        }

        private func write(_ batch: State) {
            var piece = ""
            for line in batch.lines {
                let text = "\(TraceWriter.timestamp(line.nanoseconds)) \(line.name) \(line.detail)\n"
                if piece.utf8.count + text.utf8.count > TraceWriter.pieceBytes {
                    write(piece)
                    piece = ""
                }
                piece += text
            }
            write(piece)
            if batch.dropped > 0 {
                write(
                    "\(TraceWriter.timestamp(batch.droppedSince)) trace_dropped \(batch.dropped) lines from here on: standard "
                        + "error was too slow\n")
            }
        }
    }

    private let core: Core
    private let thread: SystemThread

    /// - Parameter write: takes whole lines, on the writer's thread; it may wait as long as it likes.
    /// - Throws: what eventfd(2) and pthread_create(3) give.
    public init(write: @escaping @Sendable (String) -> Void) throws(Errno) {
        let core = try Core(write)
        thread = try SystemThread(name: "trace") { core.run() }
        self.core = core
        // Until it has blocked its signals, one that is meant for the event loop might end the process there.
        waitForProgress(milliseconds: -1)
    }

    /// Has a line written, stamped with the time since the host's boot. Never waits.
    public func add(_ name: String, _ detail: String) {
        let isFirst = core.state.withLock { state in
            if state.isClosed { return false }
            // Under the lock, so that the order of the lines is that of their times.
            let now = Clock.monotonicNanoseconds
            if state.lines.count >= Self.capacity {
                if state.dropped == 0 { state.droppedSince = now }
                state.dropped &+= 1
                return false
            }
            state.lines.append(Line(nanoseconds: now, name: name, detail: detail))
            return state.lines.count == 1
        }
        if isFirst { core.wakeUp.signal() }
    }

    /// Takes no more, and waits until all is written; not for ever, if nobody reads.
    ///
    /// A thread that is still writing then is left alone: it ends with its write, or with the process.
    public func finish(timeoutMilliseconds: CInt = 1000) {
        let isFirst = core.state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        core.wakeUp.signal()
        if waitForProgress(milliseconds: timeoutMilliseconds) { thread.join() }
    }

    deinit { finish() }

    @discardableResult
    private func waitForProgress(milliseconds: CInt) -> Bool {
        do { _ = try retrying { clinux_poll_readable(core.progress.rawValue, milliseconds) } } catch {}
        return core.progress.take() > 0
    }

    /// "12.000345678".
    static func timestamp(_ nanoseconds: UInt64) -> String {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = String(rest)
        return "\(seconds)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }
}

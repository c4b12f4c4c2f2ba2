// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization
internal import SystemPackage

/// Writes messages and trace events, as whole lines, on a thread of its own.
///
/// A thread that logs never waits for the reader of the lines.
///
/// The lines are written in the order in which they were added. A limited number waits for a slow reader. Further lines
/// are dropped, and a line in their place says how many. The thread starts with the first line.
///
/// Ownership: the thread and the owner share `Core`, whose state is under its lock. The lock is held only for an append
/// or a swap, below any lock that the adding thread holds; under it only the clock is called.
public final class LineWriter: Sendable {
    /// The number of lines that may wait, about 100 bytes each.
    public static let capacity = 4096
    /// The number of bytes of messages that may wait.
    static let byteCapacity = 1 << 20

    private let core: Core

    /// Writes to the file of `descriptor`.
    ///
    /// The descriptor stays the caller's and must stay open until the process ends; its flags don't change.
    public init(to descriptor: CInt) {
        core = Core(
            write: { text in
                var text = text
                // Safety: the buffer is valid for the whole closure.
                text.withUTF8 { FileOutput.writeAll(UnsafeRawBufferPointer($0), to: descriptor) }
            },
            writeLast: { text, milliseconds in
                let output = NonBlockingOutput(descriptor)
                var text = text
                // Safety: the buffer is valid for the whole closure.
                text.withUTF8 { try? output.write(UnsafeRawBufferPointer($0), within: milliseconds) }
            })
    }

    /// - Parameter write: takes whole lines, on the writer's thread; it may wait without a limit.
    init(write: @escaping @Sendable (String) -> Void) {
        core = Core(write: write, writeLast: { text, _ in write(text) })
    }

    /// How many lines were dropped so far.
    public var droppedLineCount: UInt64 { core.state.withLock { $0.droppedInAll } }

    /// Adds an event, stamped with the time since the host's boot. Never waits.
    public func add(_ name: String, _ detail: String) {
        // The clock is read under the lock, so that the lines are in the order of their times.
        add { .event(nanoseconds: Clock.monotonicNanoseconds, name: name, detail: detail) }
    }

    /// Adds a message of one or more lines. Never waits.
    public func add(_ message: String) { add { .message(message) } }

    /// Adds a message just before `finish`: it is never dropped, and starts no thread.
    public func addLast(_ message: String) {
        core.state.withLock { $0.lines.append(.message(message)) }
    }

    private func add(_ line: () -> Line) {
        let (worker, starts): (Worker?, Bool) = core.state.withLock { state in
            guard state.append(line()) else { return (nil, false) }
            let starts = state.worker == nil && !state.hasTried
            if starts { state.hasTried = true }
            return (state.lines.count == 1 ? state.worker : nil, starts)
        }
        if starts { start() } else { worker?.wakeUp.signal() }
    }

    /// Starts the thread. If that fails, the lines wait for `finish`.
    private func start() {
        let core = core
        // The new thread inherits this thread's mask. All signals are blocked there, because a signal for the event
        // loop would end the process.
        let kernel = LinuxKernel()
        let before = kernel.blockAllSignals()
        defer { kernel.restoreSignals(before) }
        do throws(Errno) {
            let (wakeUp, done) = (try EventDescriptor(of: kernel), try EventDescriptor(of: kernel))
            let thread = try SystemThread(name: "log") {
                core.run(wakeUp)
                done.signal()
            }
            core.state.withLock { $0.worker = Worker(thread: thread, wakeUp: wakeUp, done: done) }
            // For lines that were added before the worker was set.
            wakeUp.signal()
        } catch {}
    }

    /// Accepts no more lines, and waits until all are written, but no longer than the timeout.
    ///
    /// Call it when no other thread adds lines any more. If the thread is still writing after the timeout, it isn't
    /// joined: it ends with its write, or with the process.
    public func finish(timeoutMilliseconds: UInt32 = 1000) {
        let (worker, rest): (Worker?, Batch) = core.state.withLock { state in
            guard !state.isClosed else { return (nil, Batch()) }
            state.isClosed = true
            return (state.worker, state.worker == nil ? state.take() : Batch())
        }
        guard let worker else {
            if !rest.isEmpty { core.writeLast(rest.pieces.joined(), timeoutMilliseconds) }
            return
        }
        worker.wakeUp.signal()
        let isDone = try? LinuxKernel().waitUntilReadable(
            worker.done.rawValue, milliseconds: CInt(clamping: timeoutMilliseconds))
        if isDone == true { worker.thread.join() }
    }

    deinit { finish() }
}

/// A line, or a message of several, that waits to be written.
private enum Line: Sendable {
    case event(nanoseconds: UInt64, name: String, detail: String)
    case message(String)

    var text: String {
        switch self {
        case .event(let nanoseconds, let name, let detail): "\(LineWriter.timestamp(nanoseconds)) \(name) \(detail)\n"
        case .message(let text): text
        }
    }
}

/// The thread, the eventfd that wakes it, and the one that it signals at its end.
private struct Worker: Sendable {
    let thread: SystemThread
    let wakeUp: EventDescriptor
    let done: EventDescriptor
}

/// Lines in their order, and the numbers of those that were dropped after them.
private struct Batch: Sendable {
    var lines: [Line] = []
    /// Messages that were dropped.
    var droppedMessages: UInt64 = 0
    /// Events that were dropped, and the time of the first of them.
    var droppedEvents: UInt64 = 0
    var droppedSince: UInt64 = 0
    var isClosed = false

    /// The kernel doesn't split a write of up to this many bytes to a pipe (PIPE_BUF, pipe(7)): no message of another
    /// process gets between the parts of a line.
    private static let pieceBytes = 4096

    var isEmpty: Bool { lines.isEmpty && droppedMessages == 0 && droppedEvents == 0 }

    /// The text, in pieces of whole lines.
    var pieces: [String] {
        var pieces: [String] = []
        var piece = ""
        for text in lines.map(\.text) + notes {
            if !piece.isEmpty, piece.utf8.count + text.utf8.count > Self.pieceBytes {
                pieces.append(piece)
                piece = ""
            }
            piece += text
        }
        if !piece.isEmpty { pieces.append(piece) }
        return pieces
    }

    private var notes: [String] {
        var notes: [String] = []
        if droppedEvents > 0 {
            notes.append(
                "\(LineWriter.timestamp(droppedSince)) trace_dropped \(droppedEvents) lines dropped here: "
                    + "standard error was too slow\n")
        }
        if droppedMessages > 0 {
            notes.append(
                "martlet: warning: \(droppedMessages) messages were dropped here: standard error was too slow\n")
        }
        return notes
    }
}

private struct State {
    var lines: [Line] = []
    var messageBytes = 0
    var missing = Batch()
    var droppedInAll: UInt64 = 0
    var isClosed = false
    /// Whether the start of the thread was tried, with or without success.
    var hasTried = false
    var worker: Worker?

    /// Adds a line; false when there is no room.
    mutating func append(_ line: Line) -> Bool {
        if isClosed { return false }
        var bytes = 0
        if case .message(let text) = line { bytes = text.utf8.count }
        guard lines.count < LineWriter.capacity, messageBytes + bytes <= LineWriter.byteCapacity else {
            droppedInAll &+= 1
            switch line {
            case .message: missing.droppedMessages &+= 1
            case .event(let nanoseconds, _, _):
                if missing.droppedEvents == 0 { missing.droppedSince = nanoseconds }
                missing.droppedEvents &+= 1
            }
            return false
        }
        lines.append(line)
        messageBytes += bytes
        return true
    }

    mutating func take() -> Batch {
        var batch = missing
        batch.lines = lines
        batch.isClosed = isClosed
        lines = []
        messageBytes = 0
        missing = Batch()
        return batch
    }
}

private final class Core: Sendable {
    let state = Mutex(State())
    /// Writes whole lines, and waits without a limit.
    private let write: @Sendable (String) -> Void
    /// Writes whole lines, and waits at most this many milliseconds.
    let writeLast: @Sendable (String, UInt32) -> Void

    init(write: @escaping @Sendable (String) -> Void, writeLast: @escaping @Sendable (String, UInt32) -> Void) {
        self.write = write
        self.writeLast = writeLast
    }

    /// The thread's body: writes until the writer is closed and nothing is left.
    func run(_ wakeUp: EventDescriptor) {
        while true {
            let batch = state.withLock { $0.take() }
            if !batch.isEmpty {
                batch.pieces.forEach(write)
            } else if batch.isClosed {
                return
            } else {
                _ = try? LinuxKernel().waitUntilReadable(wakeUp.rawValue, milliseconds: -1)
                _ = wakeUp.take()
            }
        }
    }
}

extension LineWriter {
    /// "12.000345678".
    static func timestamp(_ nanoseconds: UInt64) -> String {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = String(rest)
        return "\(seconds)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import Synchronization

/// The user's end of the guest's serial port: standard input and output, with a terminal in raw mode.
///
/// Ownership: `state` under its lock. Input is read only on the event loop's thread; vCPU threads write through
/// `output`, which has its own lock, and call `inputReady`, which only signals.
public final class GuestConsole: Sendable {
    /// A part of the console that has failed; the guest runs on without it.
    public enum Failure: Sendable, Equatable {
        case input(Errno)
        case output(Errno)
    }

    private struct State {
        var parser = ConsoleInput()
        /// Bytes for which the guest had no room yet, oldest first.
        var pending: [UInt8] = []
        /// Passes bytes to the guest; returns how many it took. Nil while no device is connected.
        var receive: (@Sendable ([UInt8]) -> Int)?
        var loop: EventLoop?
        /// Created at the first read.
        var reader: NonBlockingInput?
        /// Present while the input is watched.
        var inputSource: EventSource?
        /// The sources of `room` and of `flushTimer`.
        var roomSource: EventSource?
        var flushSource: EventSource?
        /// False at the end of the input.
        var isOpen = true
        /// Whether the guest is paused: typed input waits, except commands to Martlet.
        var isPaused = false
        /// Called for Ctrl-A and a command's letter.
        var command: (@Sendable (ConsoleInput.Command) -> Void)?
    }

    /// How many bytes may wait here; further input waits at its source. Generous, because Ctrl-A x must be found even
    /// if the guest doesn't read.
    static let pendingLimit = 65536

    package let output: ConsoleOutput
    private let input: CInt
    private let system: any SystemCalls
    private let state = Mutex(State())
    private let room: EventDescriptor
    private let flushTimer: TimerDescriptor
    private let failed: @Sendable (Failure) -> Void

    /// - Parameters:
    ///   - input: usually 0.
    ///   - outputDescriptor: usually 1.
    ///   - failed: called at most once for each kind, when the output can't be written or the input can't be watched
    ///     any more.
    /// - Throws: the errors of eventfd(2) and timerfd_create(2).
    public init(
        input: CInt = 0, outputDescriptor: CInt = 1, system: any SystemCalls = LinuxKernel(),
        failed: @escaping @Sendable (Failure) -> Void
    ) throws(Errno) {
        self.input = input
        self.system = system
        self.failed = failed
        room = try EventDescriptor(of: system)
        let timer = try TimerDescriptor(of: system)
        flushTimer = timer
        output = ConsoleOutput(
            descriptor: outputDescriptor, of: system, requestFlush: { timer.arm(nanoseconds: Self.flushDelay) },
            onFailure: { failed(.output($0)) })
    }

    /// How long a prompt waits for the rest of its line.
    private static let flushDelay: UInt64 = 5_000_000

    /// Connects the console to a device of the guest; input is watched from then on.
    /// - Parameters:
    ///   - receive: takes the user's input, and returns how many of the bytes it took.
    ///   - command: called on the loop's thread when the user types Ctrl-A and a command's letter.
    func connect(
        to loop: EventLoop, receive: @escaping @Sendable ([UInt8]) -> Int,
        command: @escaping @Sendable (ConsoleInput.Command) -> Void
    ) throws(Errno) {
        state.withLock { state in
            state.command = command
            state.receive = receive
            state.loop = loop
        }
        let roomSource = try loop.add(room.rawValue) { [self] _ in
            _ = room.take()
            pump()
        }
        state.withLock { $0.roomSource = roomSource }
        let flushSource = try loop.add(flushTimer.rawValue) { [self] _ in
            if flushTimer.take() { output.flush() }
        }
        state.withLock { $0.flushSource = flushSource }
        // The loop's thread makes the first read, as all others.
        room.signal()
    }

    /// Disconnects the console from the guest and writes the rest of the output, for at most a second.
    package func disconnect() {
        state.withLock { state in
            // Before the descriptors that they watch are closed.
            (state.inputSource, state.flushSource, state.roomSource) = (nil, nil, nil)
            state.reader = nil
            state.receive = nil
            state.loop = nil
            state.command = nil
        }
        output.close()
    }

    /// Keeps typed input from the guest until `resume`. Commands to Martlet are still found, unless `pendingLimit`
    /// bytes wait before them.
    func pause() { state.withLock { $0.isPaused = true } }

    /// Passes the waiting input to the guest, from the event loop's next turn on.
    func resume() {
        state.withLock { $0.isPaused = false }
        room.signal()
    }

    /// The guest has read all of its input: called on a vCPU thread.
    func inputReady() { room.signal() }

    /// Passes waiting input to the guest, then watches for more if there is room.
    private func pump() {
        state.withLock { state in
            feed(&state)
            watch(&state)
        }
    }

    private func feed(_ state: inout State) {
        guard !state.isPaused, let receive = state.receive, !state.pending.isEmpty else { return }
        state.pending.removeFirst(receive(state.pending))
    }

    private func watch(_ state: inout State) {
        let wanted = state.isOpen && state.pending.count < Self.pendingLimit && isOurs
        if !wanted {
            state.inputSource = nil
        } else if state.inputSource == nil, let loop = state.loop {
            let reader = state.reader ?? NonBlockingInput(input, of: system)
            state.reader = reader
            do { state.inputSource = try loop.add(reader.rawValue) { [self] _ in readInput() } } catch {
                guard error == .notPermitted else {
                    state.isOpen = false
                    return failed(.input(error))
                }
                // EPERM: epoll doesn't accept regular files and /dev/null, which are always ready. They are read piece
                // by piece.
                let commands = read(&state)
                for command in commands { state.command?(command) }
                if !commands.contains(.quit), state.isOpen { room.signal() }
            }
        }
    }

    /// Whether the input may be read: reading a terminal from the background would stop this process.
    private var isOurs: Bool { !system.isTerminal(input) || system.isForeground(input) }

    private func readInput() {
        let (commands, perform) = state.withLock { state in
            let commands = isOurs ? read(&state) : []
            feed(&state)
            watch(&state)
            return (commands, state.command)
        }
        for command in commands { perform?(command) }
    }

    /// Reads the available input, and returns the user's commands to Martlet.
    private func read(_ state: inout State) -> [ConsoleInput.Command] {
        guard let reader = state.reader else { return [] }
        var buffer = [UInt8](repeating: 0, count: 1024)
        // Safety: the buffer is used within the closure only.
        switch buffer.withUnsafeMutableBytes({ reader.read(into: $0) }) {
        case .nothing: return []
        case .end, .failed:
            state.isOpen = false
            return []
        case .read(let count):
            let (bytes, commands) = state.parser.parse(buffer[..<count])
            state.pending += bytes
            return commands
        }
    }
}

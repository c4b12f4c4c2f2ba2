// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import Synchronization

/// The user's end of the guest's serial port: standard input and output, raw while a terminal is there.
///
/// Ownership: `state` under its lock. Input is read on the event loop's thread only; vCPU threads write through
/// `output`, which guards itself, and call `inputReady`, which only signals.
public final class GuestConsole: Sendable {
    /// What doesn't work any more; the guest goes on without it.
    public enum Failure: Sendable, Equatable {
        case input(Errno)
        case output(Errno)
    }

    private struct State {
        var parser = ConsoleInput()
        /// Bytes that the guest has not had room for, oldest first.
        var pending: [UInt8] = []
        /// Takes bytes for the guest; returns how many. Nil while no device is connected.
        var receive: (@Sendable ([UInt8]) -> Int)?
        var loop: EventLoop?
        /// Made for the first look at the input.
        var reader: NonBlockingInput?
        /// While the input is watched.
        var inputSource: EventSource?
        /// Of `room` and of `flushTimer`.
        var roomSource: EventSource?
        var flushSource: EventSource?
        /// False at the end of the input.
        var isOpen = true
        /// The guest is paused: what is typed waits, but for the commands to the monitor.
        var isPaused = false
        /// What Ctrl-A and a letter do.
        var command: (@Sendable (ConsoleInput.Command) -> Void)?
    }

    /// Input beyond it waits where it comes from. Generous, since Ctrl-A x must get through to a guest that doesn't
    /// read.
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
    /// - Throws: what eventfd(2) and timerfd_create(2) give.
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

    /// A prompt waits this long for the rest of its line.
    private static let flushDelay: UInt64 = 5_000_000

    /// Joins the console to a device of the guest's; input is watched from now on.
    /// - Parameters:
    ///   - receive: takes what the user types, and returns how many of the bytes it took.
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
        // The first look at the input is the loop's, like all others.
        room.signal()
    }

    /// Takes the console away from the guest and writes what is left, for a second at most.
    package func disconnect() {
        state.withLock { state in
            // Before what they watch is closed.
            (state.inputSource, state.flushSource, state.roomSource) = (nil, nil, nil)
            state.reader = nil
            state.receive = nil
            state.loop = nil
            state.command = nil
        }
        output.close()
    }

    /// Keeps what is typed from the guest until `resume`. Commands to the monitor are still found, for as long as no
    /// more than `pendingLimit` bytes wait before them.
    func pause() { state.withLock { $0.isPaused = true } }

    /// Gives the guest what has waited, from the event loop's next turn on.
    func resume() {
        state.withLock { $0.isPaused = false }
        room.signal()
    }

    /// The guest has read all that it had: called on a vCPU thread.
    func inputReady() { room.signal() }

    /// Gives the guest what waits, then watches the input for as long as there is room for more.
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
                // EPERM: epoll knows no regular files and no /dev/null, since they are always ready. They come in a
                // piece at a time.
                let commands = read(&state)
                for command in commands { state.command?(command) }
                if !commands.contains(.quit), state.isOpen { room.signal() }
            }
        }
    }

    /// A terminal whose foreground is another process's isn't read: the kernel would stop this process.
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

    /// Reads what is there, and returns the user's commands to the monitor.
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

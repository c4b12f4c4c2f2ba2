// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import CLinux
public import LinuxSystem
internal import Synchronization

/// The user's end of the guest's serial port: standard input and output, raw while a terminal is there.
///
/// Ownership: `state` under its lock. Input is read on the event loop's thread only; vCPU threads write through `output`,
/// which guards itself, and call `inputReady`, which only signals.
public final class Console: Sendable {
    private struct State {
        var parser = ConsoleInput()
        /// Bytes that the guest has not had room for, oldest first.
        var pending: [UInt8] = []
        /// Takes bytes for the guest; returns how many. Nil while no device is connected.
        var receive: (@Sendable ([UInt8]) -> Int)?
        var loop: EventLoop?
        var inputToken: EventLoop.Token?
        var tokens: [EventLoop.Token] = []
        /// False at the end of the input.
        var isOpen = true
        /// What Ctrl-A x does.
        var quit: (@Sendable () -> Void)?
    }

    /// Input beyond it waits where it comes from. Generous, since Ctrl-A x must get through to a guest that doesn't read.
    static let pendingLimit = 65536

    let output: ConsoleOutput
    private let input: CInt
    private let state = Mutex(State())
    private let room: EventDescriptor
    private let flushTimer: TimerDescriptor

    /// - Parameters:
    ///   - input: usually 0.
    ///   - outputDescriptor: usually 1.
    ///   - failed: called at most once, when the output can't be written any more.
    /// - Throws: what eventfd(2) and timerfd_create(2) give.
    public init(
        input: CInt = 0, outputDescriptor: CInt = 1, system: any SystemCalls = LinuxKernel(),
        failed: @escaping @Sendable (Errno) -> Void
    ) throws(Errno) {
        self.input = input
        room = try EventDescriptor(of: system)
        let timer = try TimerDescriptor(of: system)
        flushTimer = timer
        output = ConsoleOutput(
            descriptor: outputDescriptor, requestFlush: { timer.arm(nanoseconds: Self.flushDelay) }, onFailure: failed)
    }

    /// A prompt waits this long for the rest of its line.
    private static let flushDelay: UInt64 = 5_000_000

    /// Joins the console to a device of the guest's; input is watched from now on.
    /// - Parameters:
    ///   - receive: takes what the user types, and returns how many of the bytes it took.
    ///   - quit: called on the loop's thread when the user types Ctrl-A x.
    func connect(
        to loop: EventLoop, receive: @escaping @Sendable ([UInt8]) -> Int, quit: @escaping @Sendable () -> Void
    ) throws(Errno) {
        state.withLock { state in
            state.quit = quit
            state.receive = receive
            state.loop = loop
        }
        let roomToken = try loop.add(room.rawValue) { [self] in
            _ = room.take()
            pump()
        }
        state.withLock { $0.tokens = [roomToken] }
        let flushToken = try loop.add(flushTimer.rawValue) { [self] in
            if flushTimer.take() { output.flush() }
        }
        state.withLock { $0.tokens.append(flushToken) }
        // The first look at the input is the loop's, like all others.
        room.signal()
    }

    /// Takes the console away from the guest and writes what is left, for a second at most.
    func disconnect() {
        state.withLock { state in
            for token in state.tokens + [state.inputToken].compactMap(\.self) { state.loop?.remove(token) }
            state.tokens = []
            state.inputToken = nil
            state.receive = nil
            state.loop = nil
            state.quit = nil
        }
        output.close()
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
        guard let receive = state.receive, !state.pending.isEmpty else { return }
        state.pending.removeFirst(receive(state.pending))
    }

    private func watch(_ state: inout State) {
        let wanted = state.isOpen && state.pending.count < Self.pendingLimit && isOurs
        if let token = state.inputToken {
            if wanted { return }
            state.loop?.remove(token)
            state.inputToken = nil
        } else if wanted, let loop = state.loop {
            do { state.inputToken = try loop.add(input) { [self] in readInput() } } catch {
                // epoll knows no regular files, since they are always ready. They come in a piece at a time.
                if read(&state) { state.quit?() } else if state.isOpen { room.signal() }
            }
        }
    }

    /// A terminal whose foreground is another process's isn't read: the kernel would stop this process.
    private var isOurs: Bool { clinux_is_terminal(input) <= 0 || clinux_is_foreground(input) > 0 }

    private func readInput() {
        let quit: (@Sendable () -> Void)? = state.withLock { state in
            let quits = isOurs && read(&state)
            feed(&state)
            watch(&state)
            return quits ? state.quit : nil
        }
        quit?()
    }

    /// Reads what is there. True when the user wants to quit.
    private func read(_ state: inout State) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1024)
        // Safety: read writes at most the 1024 bytes that the array has.
        let count = clinux_read(input, &buffer, 1024)
        if count == -Int(EAGAIN) || count == -Int(EINTR) { return false }
        guard count > 0 else {
            state.isOpen = false
            return false
        }
        let (bytes, quits) = state.parser.parse(buffer[..<count])
        state.pending += bytes
        return quits
    }
}

/// A console on a machine's event loop, as a device of the board sees it.
struct MachineConsole: ConsoleEnd {
    let console: Console
    let loop: EventLoop
    /// What Ctrl-A x does.
    let quit: @Sendable () -> Void

    func transmit(_ byte: UInt8) { console.output.transmit(byte) }
    func inputReady() { console.inputReady() }
    func connect(_ receive: @escaping @Sendable ([UInt8]) -> Int) throws(Errno) {
        try console.connect(to: loop, receive: receive, quit: quit)
    }
    func disconnect() { console.disconnect() }
}

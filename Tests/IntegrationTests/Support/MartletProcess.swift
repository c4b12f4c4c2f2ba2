// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CIntegration
import CLinux
import Glibc
import LinuxSystem

/// One run of `martlet`, or of another program. Everything happens on the test's own thread: a wait reads until the
/// expected output has arrived.
final class MartletProcess {
    /// The other end of a standard descriptor of the program.
    enum End {
        /// A pipe to the test.
        case pipe
        /// A pipe whose other end is closed already.
        case brokenPipe
        /// /dev/full, /dev/null.
        case file(String)
        case closed
    }

    struct Options {
        /// Used instead of `input` and `output`.
        var terminal: PseudoTerminal?
        var input = End.pipe
        var output = End.pipe
        var user: UInt32 = 0
        var hiddenFolder: String?
        var locksMemory = false
        var gate: Gate?
        /// Descriptors that the program gets as 3, 4 and so on.
        var handed: [CInt] = []

        init(
            terminal: PseudoTerminal? = nil, input: End = .pipe, output: End = .pipe, user: UInt32 = 0,
            hiddenFolder: String? = nil, locksMemory: Bool = false, gate: Gate? = nil, handed: [CInt] = []
        ) {
            self.terminal = terminal
            self.input = input
            self.output = output
            self.user = user
            self.hiddenFolder = hiddenFolder
            self.locksMemory = locksMemory
            self.gate = gate
            self.handed = handed
        }
    }

    /// The longest time for an action that should be fast: the emulated host shares its processors with other work.
    static let patience = 90.0

    let processNumber: pid_t
    private let terminal: PseudoTerminal?
    private let keyboard: Descriptor?
    private let gate: Gate?
    private var outputReader: Descriptor?
    private var errorReader: Descriptor?
    private var status: Int?
    private(set) var outputBytes: [UInt8] = []
    private var errorBytes: [UInt8] = []

    /// Standard output so far, without carriage returns.
    var output: String { Self.text(outputBytes) }
    /// Standard error so far.
    var errors: String { Self.text(errorBytes) }

    init(_ arguments: [String], _ options: Options = Options(), program: String = Host.martlet) throws {
        let screen = options.terminal?.programEnd
        let input = try screen.map { ($0, nil) } ?? Self.open(options.input, forReading: true)
        let output = try screen.map { ($0, nil) } ?? Self.open(options.output, forReading: false)
        let error = try Self.open(.pipe, forReading: false)
        terminal = options.terminal
        (keyboard, outputReader, errorReader) = (input.test, output.test, error.test)
        gate = options.gate
        var result: pid_t = 0
        var listener: CInt = -1
        Self.withStrings([program] + arguments) { arguments in
            Self.withStrings(["PATH=/usr/bin:/bin"]) { environment in
                Self.withString(options.hiddenFolder) { hidden in
                    program.withCString { path in
                        (options.gate?.requests ?? []).withUnsafeBufferPointer { stopped in
                            options.handed.withUnsafeBufferPointer { handed in
                                var process = cintegration_process(
                                    path: path, arguments: arguments, environment: environment,
                                    input: input.program?.rawValue ?? -1, output: output.program?.rawValue ?? -1,
                                    error: error.program?.rawValue ?? -1, owns_terminal: screen != nil,
                                    user: options.user, hidden: hidden, locks_memory: options.locksMemory,
                                    stopped: stopped.isEmpty ? nil : stopped.baseAddress,
                                    stopped_count: stopped.count,
                                    stops_changes: options.gate?.stopsChanges ?? false,
                                    handed: handed.baseAddress, handed_count: handed.count)
                                result = cintegration_start(&process, &listener)
                            }
                        }
                    }
                }
            }
        }
        if result < 0 { throw Errno(rawValue: -result) }
        processNumber = result
        try gate?.open(listener, of: result)
    }

    deinit {
        guard status == nil else { return }
        kill(processNumber, SIGKILL)
        while cintegration_status(processNumber) == -EAGAIN { usleep(1000) }
    }

    // MARK: What a test does

    func send(_ text: String) throws {
        guard let descriptor = terminal?.userEnd.rawValue ?? keyboard?.rawValue else {
            throw TestError("the program has no keyboard")
        }
        var bytes = Array(text.utf8)
        try bytes.withUnsafeMutableBytes { try FileOutput.write(UnsafeRawBufferPointer($0), to: descriptor) }
    }

    func signal(_ number: CInt) { kill(processNumber, number) }

    /// Waits until standard output contains `text` (for a terminal: until it shows `text`).
    func waitForOutput(_ text: String, patience: Double = MartletProcess.patience) throws {
        try wait("\"\(text)\" in its output", patience) { self.output.contains(text) || self.status != nil }
        guard output.contains(text) else { throw TestError("ended before it said \"\(text)\"\n\(transcript)") }
    }

    /// Waits until standard error contains `text`.
    func waitForErrors(_ text: String, patience: Double = MartletProcess.patience) throws {
        try wait("\"\(text)\" on its standard error", patience) { self.errors.contains(text) || self.status != nil }
        guard errors.contains(text) else { throw TestError("ended before it said \"\(text)\"\n\(transcript)") }
    }

    /// Reads for this long.
    func read(seconds: Double) { pump(until: Clock.monotonicNanoseconds + UInt64(seconds * 1e9)) }

    /// Waits for the end.
    /// - Returns: the exit status, or 256 + the number of the signal that ended it.
    @discardableResult
    func waitForEnd(patience: Double = MartletProcess.patience) throws -> Int {
        try wait("its end", patience) { self.status != nil }
        pump(until: 0)
        guard let status else { throw TestError("no exit status") }
        return status
    }

    var isRunning: Bool {
        pump(until: 0)
        return status == nil
    }

    /// Both outputs, for messages.
    var transcript: String { "--- output\n\(output)\n--- errors\n\(errors)\n---" }

    // MARK: How

    /// Waits until `isDone` returns true; it is called after each event.
    func wait(_ what: String, _ patience: Double = MartletProcess.patience, _ isDone: () throws -> Bool) throws {
        let deadline = Clock.monotonicNanoseconds + UInt64(patience * 1e9)
        while try !isDone() {
            let now = Clock.monotonicNanoseconds
            if now > deadline { throw TestError("\(patience) s are over without \(what)\n\(transcript)") }
            pump(until: now + 10_000_000)
        }
    }

    /// Reads available output, at least once, and checks whether the program has ended.
    private func pump(until deadline: UInt64) {
        repeat {
            if status == nil {
                let result = cintegration_status(processNumber)
                if result != -EAGAIN { status = Int(result) }
            }
            var polled = [pollfd]()
            let screen = terminal?.userEnd.rawValue ?? outputReader?.rawValue
            if let screen { polled.append(pollfd(fd: screen, events: Int16(POLLIN), revents: 0)) }
            if let errorReader { polled.append(pollfd(fd: errorReader.rawValue, events: Int16(POLLIN), revents: 0)) }
            let calls = gate?.readable
            if let calls { polled.append(pollfd(fd: calls, events: Int16(POLLIN), revents: 0)) }
            let now = Clock.monotonicNanoseconds
            let left = deadline > now ? Int32((deadline - now) / 1_000_000) + 1 : 0
            // A program that has ended writes no more.
            guard poll(&polled, nfds_t(polled.count), status == nil ? min(left, 10) : 0) > 0 else {
                if status != nil { return }
                continue
            }
            for entry in polled where entry.revents != 0 {
                if entry.fd == calls {
                    gate?.serve(isGone: entry.revents & Int16(POLLIN) == 0)
                } else {
                    take(from: entry.fd, isScreen: entry.fd == screen)
                }
            }
        } while status != nil || Clock.monotonicNanoseconds < deadline
    }

    private func take(from descriptor: CInt, isScreen: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = clinux_read(descriptor, &buffer, buffer.count)
        if count > 0 {
            if isScreen { outputBytes += buffer.prefix(count) } else { errorBytes += buffer.prefix(count) }
        } else if isScreen {
            outputReader = nil
        } else {
            errorReader = nil
        }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.filter { $0 != 0x0D }, as: UTF8.self)
    }

    private static func open(_ end: End, forReading: Bool) throws -> (program: Descriptor?, test: Descriptor?) {
        switch end {
        case .closed: return (nil, nil)
        case .file(let path): return (try Descriptor(path, forReading ? O_RDONLY : O_WRONLY), nil)
        case .pipe, .brokenPipe:
            var ends: [CInt] = [-1, -1]
            let result = cintegration_pipe(&ends)
            if result < 0 { throw Errno(rawValue: -result) }
            let (reader, writer) = (try Descriptor(ends[0]), try Descriptor(ends[1]))
            let (program, test) = forReading ? (reader, writer) : (writer, reader)
            if case .brokenPipe = end { return (program, nil) }
            return (program, test)
        }
    }

    private static func withString(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Void) {
        if let text { text.withCString { body($0) } } else { body(nil) }
    }

    /// The strings in the form for C.
    private static func withStrings(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Void
    ) {
        var copies = strings.map { strdup($0) }
        copies.append(nil)
        defer { copies.forEach { free($0) } }
        copies.withUnsafeBufferPointer { if let base = $0.baseAddress { body(base) } }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func run(
        _ program: String, _ arguments: [String], input: [UInt8], outputLimit: Int
    ) throws(Errno) -> ProgramRun {
        try run(
            program, arguments, input: input, outputLimit: outputLimit,
            timeLimitMilliseconds: ProgramRun.timeLimitMilliseconds)
    }

    func run(
        _ program: String, _ arguments: [String], input: [UInt8] = [], outputLimit: Int, timeLimitMilliseconds: Int
    ) throws(Errno) -> ProgramRun {
        // A file in memory: neither side waits, however long the input is, and whether the program reads it or not.
        let source: CInt = input.isEmpty ? -1 : try makeFile(input)
        defer { if source >= 0 { close(source) } }
        let output = try makePipe()
        let error = try makePipe()
        let process = try spawn(
            program, arguments, input: source, output: output.writer.rawValue,
            error: error.writer.rawValue)
        // The program has its own copies of these ends. While they are open here too, the readers see no end of file.
        _ = consume output.writer
        _ = consume error.writer

        var reading = ProgramOutput(outputLimit: outputLimit)
        let deadline = monotonicNanoseconds + UInt64(timeLimitMilliseconds) * 1_000_000
        do throws(Errno) {
            try reading.readAll(output.reader.rawValue, error.reader.rawValue, deadline: deadline)
            let status = try wait(for: process, deadline: deadline)
            return ProgramRun(
                status: status, output: reading.output, messages: String(decoding: reading.messages, as: UTF8.self))
        } catch {
            _ = clinux_kill(process)
            // Only this function ends the program or waits for it, so this wait returns its end.
            _ = try? status(of: process, blocks: true)
            throw error
        }
    }

    private struct Pipe: ~Copyable {
        let reader: OwnedDescriptor
        let writer: OwnedDescriptor
    }

    /// Creates a file without a name from these bytes, positioned at its beginning.
    private func makeFile(_ content: [UInt8]) throws(Errno) -> CInt {
        let file = try createMemory(name: "martlet-input", size: UInt64(content.count))
        do throws(Errno) {
            var done = 0
            while done < content.count {
                let rest = Array(content[done...])
                done += try put(rest, rest.count, into: file, at: done)
            }
        } catch {
            close(file)
            throw error
        }
        return file
    }

    private func put(
        _ bytes: UnsafeRawPointer, _ count: Int, into file: CInt, at offset: Int
    ) throws(Errno) -> Int {
        // Safety: pwrite reads as many bytes as the caller's array has.
        try pwrite(file, UnsafeRawBufferPointer(start: bytes, count: count), at: UInt64(offset))
    }

    private func makePipe() throws(Errno) -> Pipe {
        var ends: [CInt] = [-1, -1]
        try retrying(ours: "pipe2") { clinux_pipe(&ends) }
        return Pipe(
            reader: OwnedDescriptor(adopting: ends[0], of: self), writer: OwnedDescriptor(adopting: ends[1], of: self))
    }

    private func spawn(
        _ program: String, _ arguments: [String], input: CInt, output: CInt, error: CInt
    ) throws(Errno) -> CInt {
        // Safety: the strings are NUL-terminated copies that live until the call is over, behind them the list's NULL.
        let copies = ([program] + arguments).map { text in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count + 1)
            for (index, byte) in text.utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[text.utf8.count] = 0
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        let list = copies.map { Optional($0) } + [nil]
        return try retrying { clinux_spawn(program, list, input, output, error) }
    }

    /// A program's status after its end; EAGAIN while it still runs and `blocks` is false.
    private func status(of process: CInt, blocks: Bool) throws(Errno) -> CInt {
        try retrying(ours: "waitpid") { clinux_wait(process, blocks) }
    }

    /// Waits for the end of a program that has closed its outputs.
    private func wait(for process: CInt, deadline: UInt64) throws(Errno) -> CInt {
        while true {
            do throws(Errno) { return try status(of: process, blocks: false) } catch .resourceTemporarilyUnavailable {}
            guard monotonicNanoseconds < deadline else { throw .timedOut }
            sleep(milliseconds: 1)
        }
    }

    public func fillRandom(_ buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        // Safety: getrandom writes at most `buffer.count` bytes, and checks their addresses.
        return Int(try retrying { clinux_get_random(base, buffer.count) })
    }

    public func ignoreBrokenPipes() throws(Errno) { try check(clinux_ignore_broken_pipes(), ours: "sigaction") }

    public func reserveStandardDescriptors() throws(Errno) { try check(clinux_reserve_standard_descriptors()) }

    public func closeAllOnExec() throws(Errno) { try check(clinux_close_all_on_exec()) }

    public func exit(_ status: CInt) -> Never { clinux_exit(status) }
}

/// The outputs of a program, as far as they were read.
private struct ProgramOutput {
    private let kernel = LinuxKernel()
    let outputLimit: Int
    var output: [UInt8] = []
    var messages: [UInt8] = []

    init(outputLimit: Int) { self.outputLimit = outputLimit }

    /// Reads both outputs to their ends.
    mutating func readAll(_ outputPipe: CInt, _ messagePipe: CInt, deadline: UInt64) throws(Errno) {
        var (first, second) = (outputPipe, messagePipe)
        let chunkSize = 4096
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while first >= 0 || second >= 0 {
            let now = kernel.monotonicNanoseconds
            guard now < deadline else { throw .timedOut }
            let wait = CInt(clamping: (deadline - now) / 1_000_000 + 1)
            let ready: (first: Bool, second: Bool)
            do throws(Errno) {
                ready = try kernel.waitUntilReadable(first, or: second, milliseconds: wait)
            } catch .interrupted { continue }
            if ready.first {
                // Safety: read writes at most chunkSize bytes, the length of the array that is passed.
                let count = try kernel.read(first, &chunk, chunkSize)
                if count == 0 { first = -1 }
                output.append(contentsOf: chunk[..<count])
                guard output.count <= outputLimit else { throw .fileTooLarge }
            }
            if ready.second {
                let count = try kernel.read(second, &chunk, chunkSize)
                if count == 0 { second = -1 }
                messages.append(contentsOf: chunk[..<min(count, ProgramRun.messageLimit - messages.count)])
            }
        }
    }
}

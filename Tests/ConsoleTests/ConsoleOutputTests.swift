// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

@testable import Console

@Suite struct ConsoleOutputTests {
    let flushRequests = CallLog<Bool>()
    let failures = CallLog<Errno>()

    func makeOutput(_ descriptor: CInt) throws -> ConsoleOutput {
        try CurrentProcess.setUpSignals()
        let (flushRequests, failures) = (flushRequests, failures)
        return ConsoleOutput(
            descriptor: descriptor, requestFlush: { flushRequests.note(true) }, onFailure: { failures.note($0) })
    }

    func send(_ text: String, to output: ConsoleOutput) {
        for byte in text.utf8 { output.transmit(byte) }
    }

    func send(_ count: Int, to output: ConsoleOutput) {
        for index in 0..<count { output.transmit(UInt8(truncatingIfNeeded: index % 251)) }
    }

    // MARK: When bytes are written

    @Test func `a line is written at its newline`() throws {
        let pipe = try DescriptorPair.pipe()
        let output = try makeOutput(pipe.console)
        send("Booting Linux", to: output)
        #expect(pipe.text.isEmpty)
        send("\nlogin: ", to: output)
        #expect(pipe.text == "Booting Linux\n")
    }

    @Test func `a prompt is flushed on request`() throws {
        let pipe = try DescriptorPair.pipe()
        let output = try makeOutput(pipe.console)
        send("login: ", to: output)
        #expect(flushRequests.calls.count == 1)
        output.flush()
        #expect(pipe.text == "login: ")
        #expect(flushRequests.calls.count == 1)
        send("root", to: output)
        #expect(flushRequests.calls.count == 2)
        output.flush()
        output.flush()
        #expect(pipe.text == "root")
        #expect(flushRequests.calls.count == 2)
    }

    @Test func `long output without newlines is written every 512 bytes`() throws {
        let pipe = try DescriptorPair.pipe()
        let output = try makeOutput(pipe.console)
        send(String(repeating: ".", count: 511), to: output)
        #expect(pipe.text.isEmpty)
        send(".", to: output)
        #expect(pipe.text.count == 512)
    }

    @Test func `closing writes the rest and takes no more`() throws {
        let pipe = try DescriptorPair.pipe()
        let output = try makeOutput(pipe.console)
        send("reboot: Power down", to: output)
        output.close()
        send("?", to: output)
        output.flush()
        #expect(pipe.text == "reboot: Power down")
        #expect(output.droppedByteCount == 1)
        #expect(failures.calls.isEmpty)
    }

    // MARK: Where they go

    @Test func `the callers descriptor stays blocking and open`() throws {
        for pair in [try DescriptorPair.pipe(), try .pseudoTerminal(), try .sockets()] {
            do {
                let output = try makeOutput(pair.console)
                send("x\n", to: output)
                #expect(!DescriptorPair.isNonBlocking(pair.console))
            }
            #expect(fcntl(pair.console, F_GETFD) >= 0)
            #expect(pair.text.hasPrefix("x"))
        }
    }

    @Test func `a regular file is appended to at its position`() throws {
        var template = Array("/tmp/martlet-console-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        try #require(file >= 0)
        defer {
            close(file)
            unlink(template)
        }
        #expect(write(file, "log: ", 5) == 5)
        let output = try makeOutput(file)
        send("hello\n", to: output)
        var content = [UInt8](repeating: 0, count: 64)
        let count = pread(file, &content, content.count, 0)
        #expect(String(decoding: content[..<max(count, 0)], as: UTF8.self) == "log: hello\n")
    }

    @Test(arguments: ["pipe", "sockets", "terminal"])
    func `much output arrives whole at a slow reader`(kind: String) throws {
        let pair =
            switch kind {
            case "pipe": try DescriptorPair.pipe()
            case "sockets": try DescriptorPair.sockets()
            default: try DescriptorPair.pseudoTerminal()
            }
        if kind == "terminal" {
            var attributes = termios()
            #expect(tcgetattr(pair.console, &attributes) == 0)
            cfmakeraw(&attributes)
            #expect(tcsetattr(pair.console, TCSANOW, &attributes) == 0)
        }
        let output = try makeOutput(pair.console)
        let total = 300_000
        let received = Mutex<[UInt8]>([])
        let reader = try SystemThread(name: "reader") {
            var silences = 0
            while silences < 100, received.withLock({ $0.count }) < total {
                let bytes = pair.readAvailable(waiting: 20)
                silences = bytes.isEmpty ? silences + 1 : 0
                received.withLock { $0 += bytes }
                usleep(2000)
            }
        }
        send(total, to: output)
        output.close()
        reader.join()
        #expect(output.droppedByteCount == 0)
        #expect(received.withLock { $0 } == (0..<total).map { UInt8($0 % 251) })
    }

    @Test func `several threads lose nothing`() throws {
        let pipe = try DescriptorPair.pipe()
        let output = try makeOutput(pipe.console)
        let threads = try (0..<4).map { number in
            try SystemThread(name: "vcpu\(number)") {
                for _ in 0..<5000 { output.transmit(UInt8(number)) }
            }
        }
        for thread in threads { thread.join() }
        output.close()
        let bytes = pipe.readAvailable()
        for number in 0..<4 as Range<UInt8> { #expect(bytes.count { $0 == number } == 5000) }
    }

    // MARK: A reader that doesn't read

    @Test(.timeLimit(.minutes(5)), arguments: ["pipe", "sockets", "terminal"])
    func `a stuck reader stops the guest for a bounded time only`(kind: String) throws {
        let pair =
            switch kind {
            case "pipe": try DescriptorPair.pipe()
            case "sockets": try DescriptorPair.sockets()
            default: try DescriptorPair.pseudoTerminal()
            }
        let output = try makeOutput(pair.console)
        let start = Clock.monotonicNanoseconds
        // More than any kernel buffer and our own take together.
        let total = 1_000_000
        send(total, to: output)
        let elapsed = Clock.monotonicNanoseconds - start
        #expect(elapsed >= 100_000_000)
        #expect(elapsed < 20_000_000_000)
        #expect(output.droppedByteCount > 300_000)
        #expect(failures.calls.isEmpty)
        #expect(flushRequests.calls.count == 1)
        // The reader comes back: what was kept arrives, and new output with it.
        let dropped = output.droppedByteCount
        var received = pair.readAvailable(waiting: 20).count
        for _ in 0..<20 {
            output.flush()
            received += pair.readAvailable(waiting: 5).count
        }
        if kind != "terminal" { #expect(received == total - Int(dropped)) }
        send("awake\n", to: output)
        #expect(String(decoding: pair.readAvailable(waiting: 20), as: UTF8.self).hasPrefix("awake"))
        #expect(output.droppedByteCount == dropped)
    }

    @Test func `closing does not wait for ever for a stuck reader`() throws {
        let pipe = try DescriptorPair.pipe()
        let output = try makeOutput(pipe.console)
        send(100_000, to: output)
        let start = Clock.monotonicNanoseconds
        output.close(timeoutMilliseconds: 50)
        let elapsed = Clock.monotonicNanoseconds - start
        #expect(elapsed >= 50_000_000)
        #expect(elapsed < 2_000_000_000)
        #expect(Int(output.droppedByteCount) + pipe.readAvailable().count == 100_000)
    }

    // MARK: A descriptor that fails

    @Test(arguments: ["pipe", "sockets"])
    func `a closed reader is reported once`(kind: String) throws {
        let pair = try kind == "pipe" ? DescriptorPair.pipe() : DescriptorPair.sockets()
        let output = try makeOutput(pair.console)
        send("one\n", to: output)
        pair.closeUser()
        send("two\nthree\n", to: output)
        output.flush()
        output.close()
        #expect(failures.calls == [.brokenPipe])
        #expect(output.droppedByteCount == 10)
    }

    @Test func `a pipe that nobody reads from the start is reported`() throws {
        let pipe = try DescriptorPair.pipe()
        pipe.closeUser()
        let output = try makeOutput(pipe.console)
        send("one\n", to: output)
        #expect(failures.calls == [.brokenPipe])
    }

    @Test func `a full disk is reported once`() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        defer { close(full) }
        let output = try makeOutput(full)
        send("one\ntwo\n", to: output)
        #expect(failures.calls == [.noSpace])
        #expect(output.droppedByteCount == 8)
    }

    @Test func `a terminal that was hung up is reported once`() throws {
        let terminal = try DescriptorPair.pseudoTerminal()
        let output = try makeOutput(terminal.console)
        send("one\n", to: output)
        terminal.closeUser()
        send("two\nthree\n", to: output)
        #expect(failures.calls == [.ioError])
    }

    @Test func `a read only descriptor is reported`() throws {
        let null = open("/proc/self/stat", O_RDONLY)
        try #require(null >= 0)
        defer { close(null) }
        let output = try makeOutput(null)
        send("one\n", to: output)
        #expect(failures.calls.count == 1)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import KernelFakes
import LinuxSystem
import Testing

@testable import Console

/// What the child of a crash test does: it makes the terminal raw that the environment names.
private func rawTerminal() throws -> Terminal {
    let path = try #require(getenv("MARTLET_TEST_TERMINAL"))
    let terminal = try Terminal(descriptor: open(path, O_RDWR | O_NOCTTY))
    // Not a failure, which is what the parent waits for.
    if !terminal.isRaw { exit(0) }
    return terminal
}

@Suite struct ConsoleTerminalTests {
    /// The four flag words, which raw mode changes.
    func flags(_ descriptor: CInt) throws -> [tcflag_t] {
        var attributes = termios()
        try #require(tcgetattr(descriptor, &attributes) == 0)
        return [attributes.c_iflag, attributes.c_oflag, attributes.c_cflag, attributes.c_lflag]
    }

    func set(_ descriptor: CInt, localFlags: tcflag_t) throws {
        var attributes = termios()
        try #require(tcgetattr(descriptor, &attributes) == 0)
        attributes.c_lflag = localFlags
        try #require(tcsetattr(descriptor, TCSANOW, &attributes) == 0)
    }

    func set(_ descriptor: CInt, flags: [tcflag_t]) throws {
        var attributes = termios()
        try #require(tcgetattr(descriptor, &attributes) == 0)
        (attributes.c_iflag, attributes.c_oflag) = (flags[0], flags[1])
        (attributes.c_cflag, attributes.c_lflag) = (flags[2], flags[3])
        try #require(tcsetattr(descriptor, TCSANOW, &attributes) == 0)
    }

    @Test func `keys arrive at once unechoed and as typed`() throws {
        let pair = try DescriptorPair.pseudoTerminal()
        let terminal = try Terminal(descriptor: pair.console)
        #expect(terminal.isRaw)
        // Ctrl-C, Ctrl-Z, Ctrl-S and a carriage return, each of which a terminal treats specially otherwise.
        let keys: [UInt8] = [0x03, 0x1a, 0x13, 0x0d, 0x61]
        #expect(write(pair.user, keys, keys.count) == keys.count)
        var seen = [UInt8](repeating: 0, count: 16)
        let count = read(pair.console, &seen, seen.count)
        #expect(Array(seen[..<max(count, 0)]) == keys)
        #expect(pair.readAvailable(waiting: 20).isEmpty)
        terminal.restore()
    }

    @Test func `lines of our own still end in a carriage return`() throws {
        let pair = try DescriptorPair.pseudoTerminal()
        let terminal = try Terminal(descriptor: pair.console)
        #expect(write(pair.console, "report\n", 7) == 7)
        #expect(pair.text == "report\r\n")
        terminal.restore()
    }

    @Test func `the mode found comes back`() throws {
        let pair = try DescriptorPair.pseudoTerminal()
        try set(pair.console, localFlags: tcflag_t(ISIG | ECHO))
        let before = try flags(pair.console)
        let terminal = try Terminal(descriptor: pair.console)
        #expect(try flags(pair.console) != before)
        terminal.restore()
        #expect(try flags(pair.console) == before)
        #expect(!terminal.isRaw)
    }

    @Test func `a trap, a fault and an abort leave the terminal as it was found`() async throws {
        let pair = try DescriptorPair.pseudoTerminal()
        try set(pair.console, localFlags: tcflag_t(ISIG | ECHO | ICANON))
        let before = try flags(pair.console)
        let path = try LinuxKernel().readLink("/proc/self/fd/\(pair.console)")
        try #require(setenv("MARTLET_TEST_TERMINAL", path, 1) == 0)
        // A child that is killed leaves it raw: the terminal is one that a crash can spoil.
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let terminal = try rawTerminal()
            defer { withExtendedLifetime(terminal) {} }
            kill(getpid(), SIGKILL)
        }
        #expect(try flags(pair.console) != before)
        try set(pair.console, flags: before)
        await #expect(processExitsWith: .failure) {
            let terminal = try rawTerminal()
            defer { withExtendedLifetime(terminal) {} }
            fatalError("a trap")
        }
        #expect(try flags(pair.console) == before)
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            let terminal = try rawTerminal()
            defer { withExtendedLifetime(terminal) {} }
            raise(SIGSEGV)
        }
        #expect(try flags(pair.console) == before)
        await #expect(processExitsWith: .signal(SIGABRT)) {
            let terminal = try rawTerminal()
            defer { withExtendedLifetime(terminal) {} }
            abort()
        }
        #expect(try flags(pair.console) == before)
    }

    @Test func `a terminal that was restored is left alone by a crash`() async throws {
        let pair = try DescriptorPair.pseudoTerminal()
        let path = try LinuxKernel().readLink("/proc/self/fd/\(pair.console)")
        try #require(setenv("MARTLET_TEST_TERMINAL_2", path, 1) == 0)
        await #expect(processExitsWith: .failure) {
            let descriptor = open(try #require(getenv("MARTLET_TEST_TERMINAL_2")), O_RDWR | O_NOCTTY)
            try Terminal(descriptor: descriptor).restore()
            var attributes = termios()
            guard tcgetattr(descriptor, &attributes) == 0 else { exit(0) }
            attributes.c_lflag = 0
            guard tcsetattr(descriptor, TCSANOW, &attributes) == 0 else { exit(0) }
            fatalError("a trap")
        }
        #expect(try flags(pair.console)[3] == 0)
    }

    @Test func `a second restore does nothing`() throws {
        let pair = try DescriptorPair.pseudoTerminal()
        let terminal = try Terminal(descriptor: pair.console)
        terminal.restore()
        try set(pair.console, localFlags: tcflag_t(ISIG))
        let later = try flags(pair.console)
        terminal.restore()
        #expect(try flags(pair.console) == later)
    }

    @Test func `going out of scope restores`() throws {
        let pair = try DescriptorPair.pseudoTerminal()
        let before = try flags(pair.console)
        do {
            let terminal = try Terminal(descriptor: pair.console)
            #expect(terminal.isRaw)
        }
        #expect(try flags(pair.console) == before)
    }

    @Test func `what is no terminal is left alone`() throws {
        let pipe = try DescriptorPair.pipe()
        let terminal = try Terminal(descriptor: pipe.user)
        #expect(!terminal.isRaw)
        terminal.restore()
        #expect(try !Terminal(descriptor: -1).isRaw)
    }

    @Test func `a terminal that is gone does not stop the restore`() throws {
        let pair = try DescriptorPair.pseudoTerminal()
        let terminal = try Terminal(descriptor: pair.console)
        pair.closeUser()
        terminal.restore()
        #expect(!terminal.isRaw)
    }
}

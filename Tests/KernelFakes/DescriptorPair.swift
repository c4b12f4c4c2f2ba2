// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import Glibc
import LinuxSystem
import Synchronization

/// Two ends of a pipe, a pair of sockets or a pseudo-terminal, closed after the test.
public final class DescriptorPair: Sendable {
    /// The end that the console writes or reads.
    public let console: CInt
    /// The other end: the user's.
    public let user: CInt
    private let open = Mutex<Set<CInt>>([])

    private init(console: CInt, user: CInt) {
        self.console = console
        self.user = user
        open.withLock { $0 = [console, user] }
    }

    deinit {
        closeUser()
        close(console)
    }

    public static func pipe() throws -> DescriptorPair {
        var ends: [CInt] = [-1, -1]
        try Self.demand(Glibc.pipe(&ends) == 0)
        return DescriptorPair(console: ends[1], user: ends[0])
    }

    public static func sockets() throws -> DescriptorPair {
        var ends: [CInt] = [-1, -1]
        try Self.demand(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return DescriptorPair(console: ends[1], user: ends[0])
    }

    public static func pseudoTerminal() throws -> DescriptorPair {
        // Glibc's module has no posix_openpt; these are the calls that it consists of (ioctl_tty(2)).
        let user = Glibc.open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try Self.demand(user >= 0)
        var unlocked: CInt = 0
        try Self.demand(ioctl(user, 0x4004_5431, &unlocked) == 0)  // TIOCSPTLCK
        var number: CInt = 0
        try Self.demand(ioctl(user, 0x8004_5430, &number) == 0)  // TIOCGPTN
        let console = Glibc.open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        try Self.demand(console >= 0)
        return DescriptorPair(console: console, user: user)
    }

    private static func demand(_ condition: Bool) throws {
        if !condition { throw Errno(rawValue: errno) }
    }

    /// Closes the user's end.
    public func closeUser() {
        let wasOpen = open.withLock { $0.remove(user) != nil }
        if wasOpen { close(user) }
    }

    /// The bytes that the user reads until none has arrived for `milliseconds`.
    public func readAvailable(waiting milliseconds: CInt = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            var poll = pollfd(fd: user, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, milliseconds) > 0 else { return bytes }
            let count = read(user, &chunk, chunk.count)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    public var text: String { String(decoding: readAvailable(), as: UTF8.self) }

    public static func isNonBlocking(_ descriptor: CInt) -> Bool {
        fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0
    }
}

/// The calls of a closure, with their arguments.
public final class CallLog<Value: Sendable>: Sendable {
    private let log = Mutex<[Value]>([])

    /// A log of no calls.
    public init() {}

    public var calls: [Value] { log.withLock { $0 } }
    public func note(_ value: Value) { log.withLock { $0.append(value) } }
}

/// Waits until `done` returns true; returns false after this many milliseconds.
public func waits(_ milliseconds: Int, until done: () -> Bool) -> Bool {
    for _ in 0..<milliseconds {
        if done() { return true }
        usleep(1000)
    }
    return done()
}

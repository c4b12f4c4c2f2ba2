// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import Glibc
import LinuxSystem
import Synchronization
import Testing

/// Both ends of a pipe. Whoever closes one takes it, so that nothing is closed twice.
struct Pipe {
    let readEnd: CInt
    let writeEnd: CInt

    init() throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        (readEnd, writeEnd) = (ends[0], ends[1])
        // A program that another test starts must not hold them open.
        for end in ends { try #require(fcntl(end, F_SETFD, FD_CLOEXEC) == 0) }
    }

    /// Fills it up, so that the next write of a byte has to wait.
    func fill() throws {
        try #require(fcntl(writeEnd, F_SETFL, O_NONBLOCK) == 0)
        let dots = [UInt8](repeating: 0x2E, count: 65536)
        while write(writeEnd, dots, dots.count) > 0 {}
        while write(writeEnd, dots, 1) > 0 {}
        try #require(fcntl(writeEnd, F_SETFL, 0) == 0)
    }

    /// Whether every descriptor of the write end is closed: the reader then sees the end.
    var isWriteEndClosed: Bool {
        var poll = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1 && poll.revents & Int16(POLLHUP) != 0
    }
}

/// An empty folder that goes with its content when the test is done.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/martlet-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, and the folders above it; returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = "\(path)/\(name)"
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")), as: UTF8.self)
    }
}

/// What happened, in order, from any thread.
final class Events: Sendable {
    private let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0 } }
    func add(_ event: String) { list.withLock { $0.append(event) } }
}

/// Waits until `condition` holds, for ten seconds at most.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}

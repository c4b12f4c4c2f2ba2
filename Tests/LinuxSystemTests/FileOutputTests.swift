// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct FileOutputTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        // A write to a closed pipe must be an error, and not the end of the test run.
        signal(SIGPIPE, SIG_IGN)
    }

    private func write(_ bytes: [UInt8], to descriptor: CInt) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            do throws(Errno) { try FileOutput.write(buffer, to: descriptor) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    @Test func `creates a file`() throws {
        try FileOutput.replace("\(folder.path)/new", with: Array("content".utf8))
        #expect(try folder.read("new") == "content")
    }

    @Test func `replaces a longer file`() throws {
        let path = try folder.write("file", "something longer")
        try FileOutput.replace(path, with: Array("short".utf8))
        #expect(try folder.read("file") == "short")
        try FileOutput.replace(path, with: [])
        #expect(try folder.read("file").isEmpty)
    }

    @Test func `a full disk is an error`() {
        #expect(throws: Errno.noSpace) { try FileOutput.replace("/dev/full", with: [1]) }
    }

    @Test func `a path that cannot be written is an error`() {
        #expect(throws: Errno.noSuchFileOrDirectory) {
            try FileOutput.replace("\(folder.path)/none/file", with: [1])
        }
        #expect(throws: Errno.isDirectory) { try FileOutput.replace(folder.path, with: [1]) }
    }

    @Test func `a closed pipe is an error`() throws {
        let pipe = try Pipe()
        close(pipe.readEnd)
        defer { close(pipe.writeEnd) }
        #expect(throws: Errno.brokenPipe) { try write([1], to: pipe.writeEnd) }
    }

    @Test(arguments: [false, true])
    func `writes more than a pipe holds`(isNonBlocking: Bool) throws {
        let pipe = try Pipe()
        if isNonBlocking { #expect(fcntl(pipe.writeEnd, F_SETFL, O_NONBLOCK) == 0) }
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let received = Mutex<[UInt8]>([])
        let reader = try SystemThread(name: "reader") {
            var chunk = [UInt8](repeating: 0, count: 10_000)
            while true {
                let count = read(pipe.readEnd, &chunk, chunk.count)
                guard count > 0 else { return }
                let part = chunk[..<count]
                received.withLock { $0 += part }
            }
        }
        #expect(throws: Never.self) { try write(bytes, to: pipe.writeEnd) }
        close(pipe.writeEnd)
        reader.join()
        close(pipe.readEnd)
        #expect(received.withLock { $0 } == bytes)
    }

    @Test func `write all is silent about failures`() {
        [UInt8(1)].withUnsafeBytes { FileOutput.writeAll($0, to: -1) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

@testable import LinuxSystem

/// Files that the user names, whatever they are.
struct UserFileTests {
    private let folder: TemporaryFolder
    private let kernel = LinuxKernel()

    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    private func makeFIFO(_ name: String = "fifo") throws -> String {
        try #require(mkfifo(path(name), 0o600) == 0)
        return path(name)
    }

    /// Makes a file that is a socket, as a server does.
    private func makeSocket() throws -> String {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let file = path("socket")
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: file.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        return file
    }

    private func error(_ body: () throws(FileError) -> Void) -> FileError? {
        do throws(FileError) {
            try body()
            return nil
        } catch { return error }
    }

    // MARK: Regular files only

    @Test func `a regular file is read`() throws {
        let file = try folder.write("file", "content")
        #expect(try RegularFile.content(file, limit: 7, of: kernel) == Array("content".utf8))
        #expect(throws: FileError.failed(.fileTooLarge)) { try RegularFile.content(file, limit: 6, of: kernel) }
        #expect(throws: FileError.failed(.noSuchFileOrDirectory)) {
            try RegularFile.content(path("none"), limit: 6, of: kernel)
        }
    }

    @Test func `anything else is refused by what it is, and not waited for`() throws {
        let files = [
            (try makeFIFO(), FileKind.fifo), (try makeSocket(), .socket), (folder.path, .directory),
            ("/dev/null", .characterDevice),
        ]
        for (file, kind) in files {
            #expect(error { () throws(FileError) in _ = try RegularFile(file, of: kernel) } == .wrongKind(kind))
        }
        #expect(FileError.wrongKind(.fifo).description == "this is a FIFO; give a regular file")
    }

    // MARK: Streams

    @Test func `a FIFO is read to its end, however late its writer comes`() throws {
        let file = try makeFIFO()
        let writer = try SystemThread(name: "writer") {
            usleep(100_000)
            let descriptor = open(file, O_WRONLY)
            usleep(300_000)
            _ = write(descriptor, "con", 3)
            usleep(100_000)
            _ = write(descriptor, "tent", 4)
            close(descriptor)
        }
        // A writer that is there may take longer than the patience.
        #expect(try StreamFile.content(file, limit: 100, patienceMilliseconds: 200) == Array("content".utf8))
        writer.join()
    }

    @Test func `a FIFO without a writer is given up`() throws {
        let file = try makeFIFO()
        #expect(throws: FileError.noPartner(isReader: false)) {
            try StreamFile.content(file, limit: 100, patienceMilliseconds: 20)
        }
    }

    @Test func `a pipe by its number is read, also an empty one`() throws {
        for text in ["content", ""] {
            let pipe = try Pipe()
            #expect(write(pipe.writeEnd, text, text.utf8.count) == text.utf8.count)
            close(pipe.writeEnd)
            #expect(try StreamFile.content("/dev/fd/\(pipe.readEnd)", limit: 100) == Array(text.utf8))
            close(pipe.readEnd)
        }
    }

    @Test func `files are read as streams are, and what can't be is refused`() throws {
        let file = try folder.write("file", "content")
        #expect(try StreamFile.content(file, limit: 7) == Array("content".utf8))
        #expect(throws: FileError.failed(.fileTooLarge)) { try StreamFile.content(file, limit: 6) }
        #expect(throws: FileError.failed(.isDirectory)) { try StreamFile.content(folder.path, limit: 6) }
        let socket = try makeSocket()
        #expect(throws: FileError.wrongKind(.socket)) { try StreamFile.content(socket, limit: 6) }
    }

    // MARK: Output

    private var names: [String] { get throws { try kernel.listDirectory(folder.path) } }

    @Test(arguments: [true, false]) func `a file keeps its content until the new one is whole`(isUnnamed: Bool) throws {
        let file = try folder.write("file", "old")
        #expect(chmod(file, 0o640) == 0)
        let output = try OutputFile(file, isUnnamed: isUnnamed)
        #expect(try folder.read("file") == "old")
        try output.finish(Array("new".utf8))
        #expect(try folder.read("file") == "new")
        #expect(try names == ["file"])
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o7777 == 0o640)
    }

    @Test(arguments: [true, false]) func `a new file comes with its content, or not at all`(isUnnamed: Bool) throws {
        do { _ = try OutputFile(path("file"), isUnnamed: isUnnamed) }
        #expect(try names == [])
        try OutputFile(path("file"), isUnnamed: isUnnamed).finish([0x61])
        #expect(try folder.read("file") == "a")
        #expect(try names == ["file"])
    }

    @Test func `a link stays one`() throws {
        let file = try folder.write("other/file", "old")
        #expect(symlink(file, path("link")) == 0)
        try OutputFile(path("link")).finish([0x61])
        #expect(try folder.read("other/file") == "a")
        #expect(try kernel.readLink(path("link")) == file)
    }

    /// No file can be made in the folder, so that the one which is there is written.
    @Test func `a file that can't be replaced is written`() throws {
        let before = try folderless()
        try OutputFile("/proc/self/oom_score_adj").finish(Array(before.utf8))
        #expect(try folderless() == before)
    }

    private func folderless() throws -> String {
        String(decoding: try kernel.readFile("/proc/self/oom_score_adj", limit: 100), as: UTF8.self)
    }

    @Test func `a descriptor is written from where it is`() throws {
        let descriptor = open(path("file"), O_RDWR | O_CREAT, 0o600)
        defer { close(descriptor) }
        #expect(write(descriptor, "guest", 5) == 5)
        try OutputFile("/dev/fd/\(descriptor)").finish(Array(" report".utf8), timeoutMilliseconds: 1000)
        #expect(try folder.read("file") == "guest report")
        #expect(throws: FileError.failed(.badFileDescriptor)) { try OutputFile("/dev/fd/99999") }
    }

    @Test func `a FIFO that nobody reads is refused, and one that is slow is given up`() throws {
        let file = try makeFIFO()
        #expect(throws: FileError.noPartner(isReader: true)) { try OutputFile(file) }
        let reader = open(file, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try OutputFile(file).finish([0x61], timeoutMilliseconds: 1000)
        var byte: UInt8 = 0
        #expect(read(reader, &byte, 1) == 1 && byte == 0x61)
        #expect(throws: Errno.timedOut) {
            try OutputFile(file).finish([UInt8](repeating: 0, count: 1 << 20), timeoutMilliseconds: 20)
        }
    }

    @Test func `what can't be written is refused at once`() throws {
        let socket = try makeSocket()
        #expect(throws: FileError.wrongKind(.socket)) { try OutputFile(socket) }
        #expect(throws: FileError.wrongKind(.directory)) { try OutputFile(folder.path) }
        #expect(throws: FileError.failed(.noSuchFileOrDirectory)) { try OutputFile("\(folder.path)/none/file") }
        #expect(throws: FileError.failed(.noSuchFileOrDirectory)) { try OutputFile("\(folder.path)/none/") }
        #expect(throws: Errno.noSpace) { try OutputFile("/dev/full").finish([1]) }
    }
}

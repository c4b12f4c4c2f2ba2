// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

@Suite struct LinuxKernelTests {
    private let kernel = LinuxKernel()
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    // MARK: Whole files

    @Test(arguments: [0, 1, 4095, 4096, 4097, 20000])
    func `reads a whole file`(count: Int) throws {
        let text = String(repeating: "x", count: count)
        let path = try folder.write("file", text)
        #expect(try kernel.readFile(path, limit: 20000) == Array(text.utf8))
    }

    @Test func `refuses a file over the limit`() throws {
        let path = try folder.write("file", String(repeating: "x", count: 5000))
        #expect(try kernel.readFile(path, limit: 5000).count == 5000)
        #expect(throws: Errno.fileTooLarge) { try kernel.readFile(path, limit: 4999) }
        #expect(throws: Errno.fileTooLarge) { try kernel.readFile(path, limit: 0) }
        // It has no end: without the limit this would never return.
        #expect(throws: Errno.fileTooLarge) { try kernel.readFile("/dev/zero", limit: 100_000) }
    }

    @Test func `reads files that claim to be empty`() throws {
        #expect(try !kernel.readFile("/proc/self/status", limit: 65536).isEmpty)
    }

    @Test func `reading errors come from the kernel`() {
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.readFile("\(folder.path)/none", limit: 10) }
        #expect(throws: Errno.isDirectory) { try kernel.readFile(folder.path, limit: 10) }
    }

    // MARK: Folders and links

    @Test func `lists a folder in order`() throws {
        for name in ["b", "a", ".hidden", "c/inner"] { try folder.write(name, "") }
        #expect(try kernel.listDirectory(folder.path) == [".hidden", "a", "b", "c"])
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.listDirectory("\(folder.path)/none") }
        #expect(throws: Errno.notDirectory) { try kernel.listDirectory("\(folder.path)/a") }
    }

    @Test func `follows a link once`() throws {
        let target = String(repeating: "long/", count: 100) + "target"
        #expect(symlink(target, "\(folder.path)/link") == 0)
        #expect(try kernel.readLink("\(folder.path)/link") == target)
        #expect(throws: Errno.invalidArgument) { try kernel.readLink(folder.path) }
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.readLink("\(folder.path)/none") }
    }

    @Test func `tells folders from files`() throws {
        let file = try folder.write("file", "")
        #expect(try kernel.isDirectory(folder.path))
        #expect(try !kernel.isDirectory(file))
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.isDirectory("\(folder.path)/none") }
    }

    // MARK: Open files

    private func open(_ path: String, _ access: OpenAccess) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try kernel.open(path, access), of: kernel)
    }

    @Test(arguments: [
        (OpenAccess.readOnly, O_RDONLY), (OpenAccess.writeOnly, O_WRONLY), (OpenAccess.readWrite, O_RDWR),
    ])
    func `opens with the access that is asked for`(access: OpenAccess, flags: CInt) throws {
        let file = try open(try folder.write("file", ""), access)
        let raw = file.rawValue
        #expect(fcntl(raw, F_GETFL) & O_ACCMODE == flags)
        #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test func `reads and writes at a position`() throws {
        let file = try open(try folder.write("file", "0123456789"), .readWrite)
        let raw = file.rawValue
        let new = Array("ab".utf8)
        #expect(try new.withUnsafeBytes { bytes throws(Errno) in try kernel.pwrite(raw, bytes, at: 4) } == 2)
        var buffer = [UInt8](repeating: 0, count: 6)
        let count = try buffer.withUnsafeMutableBytes { bytes throws(Errno) in
            try kernel.pread(raw, bytes, at: 3)
        }
        #expect(count == 6)
        #expect(String(decoding: buffer, as: UTF8.self) == "3ab678")
        let rest = try buffer.withUnsafeMutableBytes { bytes throws(Errno) in
            try kernel.pread(raw, bytes, at: 9)
        }
        #expect(rest == 1)
    }

    @Test(.enabled(if: access("/dev/kmsg", R_OK) == 0, "this user may not read the kernel's log"))
    func `reads the kernels log from its end`() throws {
        let log = OwnedDescriptor(adopting: try kernel.openKernelLog(), of: kernel)
        let raw = log.rawValue
        // It doesn't wait for more.
        #expect(throws: Errno.resourceTemporarilyUnavailable) {
            for _ in 0..<1000 { _ = try kernel.readKernelLog(raw, limit: 8192) }
        }
    }

    @Test func `refuses a position that no file has`() throws {
        let file = try open(try folder.write("file", "text"), .readWrite)
        let raw = file.rawValue
        var byte: [UInt8] = [0]
        #expect(throws: Errno.invalidArgument) {
            try byte.withUnsafeMutableBytes { bytes throws(Errno) in try kernel.pread(raw, bytes, at: 1 << 63) }
        }
        #expect(throws: Errno.invalidArgument) {
            try byte.withUnsafeBytes { bytes throws(Errno) in try kernel.pwrite(raw, bytes, at: .max) }
        }
    }

    @Test func `an empty buffer is no call`() throws {
        let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        #expect(try kernel.pread(-1, none, at: 0) == 0)
        #expect(try kernel.pwrite(-1, UnsafeRawBufferPointer(none), at: 0) == 0)
    }

    @Test func `only regular files have a size`() throws {
        let file = try open(try folder.write("file", "12345"), .readOnly)
        let raw = file.rawValue
        #expect(try kernel.fileStatus(raw) == FileStatus(kind: .regular, size: 5))
        let directory = try open(folder.path, .readOnly)
        let rawDirectory = directory.rawValue
        #expect(try kernel.fileStatus(rawDirectory) == FileStatus(kind: .directory, size: 0))
        let device = try open("/dev/null", .readOnly)
        let rawDevice = device.rawValue
        #expect(try kernel.fileStatus(rawDevice) == FileStatus(kind: .characterDevice, size: 0))
        #expect(throws: Errno.badFileDescriptor) { try kernel.fileStatus(-1) }
    }

    // MARK: Conversions

    @Test func `a negative result is its errno`() throws {
        #expect(try check(5) == 5)
        #expect(throws: Errno.noSpace) { try check(-28) }
    }

    @Test func `a call is repeated for as long as signals interrupt it`() throws {
        var results = [-EINTR, -EINTR, 7]
        #expect(try retrying { results.removeFirst() } == 7)
        var failures = [-EINTR, -EIO, 7]
        #expect(throws: Errno.ioError) { try retrying { failures.removeFirst() } }
        #expect(failures == [7])
    }
}

@Suite struct ErrnoNameTests {
    @Test(arguments: [
        (Errno.noSuchFileOrDirectory, "ENOENT", "No such file or directory"),
        (.ioError, "EIO", "Input/output error"), (.noSpace, "ENOSPC", "No space left on device"),
        (.resourceBusy, "EBUSY", "Device or resource busy"),
    ])
    func `has the name that documentation uses`(errno: Errno, name: String, text: String) {
        #expect(errno.name == name)
        #expect(errno.text == text)
        #expect(errno.nameAndText == "\(name) (\(text))")
    }

    @Test(arguments: [-1, 4000] as [CInt])
    func `a number without a name is shown as such`(number: CInt) {
        #expect(Errno(rawValue: number).nameAndText == "errno \(number) (unknown error)")
    }
}

@Suite struct LogTests {
    @Test func `only wanted messages are made`() {
        let events = Events()
        let log = Log(threshold: .info) { level, text in events.add("\(level) \(text)") }
        func make(_ text: String) -> String {
            events.add("made \(text)")
            return text
        }
        log(.debug, make("no"))
        log(.info, make("one"))
        log(.error, make("two"))
        #expect(events.all == ["made one", "info one", "made two", "error two"])
    }
}

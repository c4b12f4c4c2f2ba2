// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

/// Martlet's own folder on the real kernel, below a folder of the test's. The umask belongs to the process: one test at
/// a time.
@Suite(.serialized) struct StateFolderTests {
    private let base: TemporaryFolder
    private let kernel = LinuxKernel()
    private var folder: StateFolder { StateFolder(base: base.path, names: ["martlet", "notes"]) }
    private var top: String { "\(base.path)/martlet" }

    init() throws { base = try TemporaryFolder() }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    private func withUmask(_ mask: mode_t, _ body: () throws -> Void) rethrows {
        let before = umask(mask)
        defer { umask(before) }
        try body()
    }

    private func error(_ body: () throws(StateFolderError) -> Void) -> StateFolderError? {
        do throws(StateFolderError) {
            try body()
            return nil
        } catch { return error }
    }

    private func names(_ path: String) throws -> [String] { try kernel.listDirectory(path) }

    @Test(arguments: [0, 0o022, 0o077] as [mode_t])
    func `folders and files have their modes whatever the umask`(mask: mode_t) throws {
        try withUmask(mask) { try kernel.save("note", in: folder, Array("text".utf8)) }
        #expect(mode(top) == 0o755)
        #expect(mode("\(top)/notes") == 0o755)
        #expect(mode("\(top)/notes/note") == 0o644)
        #expect(try kernel.read("note", in: folder, limit: 10) == Array("text".utf8))
    }

    @Test func `the modes of folders that were made by a careless program are put right`() throws {
        for mode: mode_t in [0o700, 0o777] {
            mkdir(top, 0o755)
            chmod(top, mode)
            try kernel.save("note", in: folder, [])
            #expect(self.mode(top) == 0o755)
        }
    }

    @Test func `the shared folder is made where there is none, and may be a link`() throws {
        let deep = StateFolder(base: "\(base.path)/run", names: ["martlet"])
        try kernel.save("note", in: deep, [1])
        symlink("run", "\(base.path)/link")
        let linked = StateFolder(base: "\(base.path)/link", names: ["martlet"])
        #expect(try kernel.read("note", in: linked, limit: 1) == [1])
    }

    @Test func `a file is replaced as a whole and leaves no other`() throws {
        try kernel.save("note", in: folder, Array("a long text".utf8))
        // What a process that was killed has left.
        try base.write("martlet/notes/.note.new", "half")
        try kernel.save("note", in: folder, Array("short".utf8))
        #expect(try base.read("martlet/notes/note") == "short")
        #expect(try names("\(top)/notes") == ["note"])
        try base.write("martlet/notes/.note.new", "half")
        try kernel.remove("note", in: folder)
        #expect(try names("\(top)/notes").isEmpty)
    }

    @Test func `what isn't there is nil and needs no removal`() throws {
        #expect(try kernel.read("note", in: folder, limit: 10) == nil)
        try kernel.remove("note", in: folder)
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.isDirectory(top) }
        try kernel.save("other", in: folder, [])
        #expect(try kernel.read("note", in: folder, limit: 10) == nil)
        try kernel.remove("note", in: folder)
    }

    @Test func `a file that is too long is not cut`() throws {
        try kernel.save("note", in: folder, [1, 2, 3])
        #expect(try kernel.read("note", in: folder, limit: 3) == [1, 2, 3])
        #expect(
            error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 2) }
                == .call("read", path: "\(folder.path)/note", .fileTooLarge))
    }

    // MARK: What is not Martlet's

    @Test func `a link in the place of a folder is not followed`() throws {
        mkdir("\(base.path)/elsewhere", 0o755)
        mkdir("\(base.path)/elsewhere/notes", 0o755)
        symlink("elsewhere", top)
        let expected = StateFolderError.notAFolder(path: top)
        #expect(error { () throws(StateFolderError) in try kernel.save("note", in: folder, []) } == expected)
        #expect(error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 1) } == expected)
        #expect(error { () throws(StateFolderError) in try kernel.remove("note", in: folder) } == expected)
        #expect(error { () throws(StateFolderError) in _ = try kernel.lock(folder.outermost) } == expected)
        #expect(try names("\(base.path)/elsewhere/notes").isEmpty)
    }

    @Test func `a file in the place of a folder is refused`() throws {
        try base.write("martlet", "")
        #expect(
            error { () throws(StateFolderError) in try kernel.save("note", in: folder, []) } == .notAFolder(path: top))
    }

    @Test func `a link in the place of a file is neither read nor written through`() throws {
        try base.write("secret", "of somebody")
        try kernel.save("note", in: folder, [])
        try kernel.remove("note", in: folder)
        symlink("\(base.path)/secret", "\(top)/notes/note")
        #expect(
            error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 100) }
                == .notAFile(path: "\(folder.path)/note"))
        symlink("\(base.path)/secret", "\(top)/notes/.note.new")
        try kernel.save("note", in: folder, Array("mine".utf8))
        #expect(try base.read("secret") == "of somebody")
        #expect(try kernel.read("note", in: folder, limit: 100) == Array("mine".utf8))
    }

    @Test func `a FIFO in the place of a file is refused without waiting`() throws {
        try kernel.save("other", in: folder, [])
        mkfifo("\(top)/notes/note", 0o644)
        #expect(
            error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 100) }
                == .notAFile(path: "\(folder.path)/note"))
    }

    @Test func `a file that others may write to is refused`() throws {
        try kernel.save("note", in: folder, [])
        chmod("\(top)/notes/note", 0o666)
        #expect(
            error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 100) }
                == .writable(path: "\(folder.path)/note"))
    }

    /// Only root can make files of others'.
    @Test(.enabled(if: geteuid() == 0)) func `what belongs to another user is refused`() throws {
        try kernel.save("note", in: folder, [1])
        chown("\(top)/notes/note", 1234, 0)
        #expect(
            error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 100) }
                == .foreign(path: "\(folder.path)/note", owner: 1234))
        for path in ["\(top)/notes", top] {
            chown(path, 1234, 0)
            let expected = StateFolderError.foreign(path: path, owner: 1234)
            #expect(error { () throws(StateFolderError) in try kernel.save("note", in: folder, []) } == expected)
            #expect(
                error { () throws(StateFolderError) in _ = try kernel.read("note", in: folder, limit: 9) } == expected)
            #expect(error { () throws(StateFolderError) in try kernel.remove("note", in: folder) } == expected)
        }
        #expect(
            error { () throws(StateFolderError) in _ = try kernel.lock(folder.outermost) }
                == .foreign(path: top, owner: 1234))
    }

    // MARK: The lock

    @Test func `the lock has one owner until it is closed`() throws {
        let lock = try #require(try kernel.lock(folder.outermost))
        #expect(try kernel.lock(folder.outermost) == nil)
        // It keeps nobody from the files.
        try kernel.save("note", in: folder, [])
        kernel.close(lock)
        let next = try #require(try kernel.lock(folder.outermost))
        kernel.close(next)
    }

    @Test(arguments: [
        (
            StateFolderError.foreign(path: "/run/martlet", owner: 7),
            "/run/martlet belongs to user 7: its content can't be trusted\n"
                + "  check it, remove it, and run the command again"
        ),
        (.notAFolder(path: "/x"), "/x is not a folder, or is a symbolic link\n  check it, then run: rm /x"),
        (.notAFile(path: "/x"), "/x is not a regular file, or is a symbolic link\n  check it, then run: rm /x"),
        (
            .writable(path: "/x"),
            "users other than its owner may write to /x\n  check it, then run: chmod go-w /x"
        ),
        (.call("mkdir", path: "/x", .permissionDenied), "mkdir /x: EACCES (Permission denied)\n  run martlet as root"),
        (
            .call("mkdir", path: "/x", .readOnlyFileSystem),
            "mkdir /x: EROFS (Read-only file system)\n  make it writable, or start the container with --tmpfs /run"
        ),
        (.call("write", path: "/x", .noSpace), "write /x: ENOSPC (No space left on device)"),
    ]) func `each error says what to do`(error: StateFolderError, text: String) {
        #expect(error.description == text)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// How a file is opened. Every descriptor is close-on-exec.
public enum OpenAccess: Sendable {
    /// For reading.
    case readOnly
    /// For writing.
    case writeOnly
    /// For both.
    case readWrite
}

/// The calls that look at files and move bytes.
///
/// A file system or a driver answers them, or the user has handed the descriptor in: EBADF and EFAULT may come from
/// there, and are thrown like all others.
public protocol FileCalls: Sendable {
    /// Opens a file that is there.
    func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt
    /// Opens for reading, and doesn't wait for whoever is at the other end of a FIFO, or for a line of a modem's.
    /// - Throws: ENXIO for a socket, besides what open(2) gives otherwise.
    func openWithoutWaiting(_ path: String) throws(Errno) -> CInt
    /// Closes a descriptor. One that isn't open is a bug of Martlet's, which ends the process: another thread may have
    /// that number by then.
    func close(_ descriptor: CInt)
    /// Closes a file of a file system that may answer with any error.
    /// - Throws: what close(2) gives, for what couldn't be written. The descriptor is closed in any case.
    func closeFile(_ descriptor: CInt) throws(Errno)
    /// A close-on-exec copy of a descriptor.
    func duplicate(_ descriptor: CInt) throws(Errno) -> CInt

    /// The whole content of a small file (sysfs, a device-tree property, a configuration).
    /// - Throws: `Errno.fileTooLarge` over `limit` bytes, besides what open and read give.
    func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8]
    /// The names in a directory, sorted, without "." and "..".
    func listDirectory(_ path: String) throws(Errno) -> [String]
    /// What a symbolic link points to.
    func readLink(_ path: String) throws(Errno) -> String
    /// Whether there is a directory at a path, links being followed.
    func isDirectory(_ path: String) throws(Errno) -> Bool
    /// What an open file is.
    func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus
    /// What there is at a path, links being followed.
    func fileKind(_ path: String) throws(Errno) -> FileKind

    /// Reads at most `count` bytes into `buffer`; returns how many came, 0 at the end.
    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int
    /// Writes at most `count` bytes of `buffer`; returns how many went.
    func write(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int
    /// Reads at a file position into `buffer`; returns how many bytes came.
    func pread(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int
    /// Writes `buffer` at a file position; returns how many bytes went.
    func pwrite(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int

<<<<<<< HEAD
    /// The kernel's log (/dev/kmsg), from its end on; reading never waits.
    func openKernelLog() throws(Errno) -> CInt
    /// The next record of it, in one read(2).
    /// - Parameter limit: in bytes; EINVAL for a record that is longer.
    /// - Throws: EAGAIN when there is no more, EPIPE when records were overwritten before they were read.
    func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8]
=======
    public func save(_ name: String, in folder: StateFolder, _ content: [UInt8]) throws(StateFolderError) {
        guard let open = try openFolder(folder, isMade: true) else { return }
        let folderNumber = open.rawValue
        let path = "\(folder.path)/\(name)"
        let draft = Self.draft(of: name)
        try naming("write", path) { () throws(Errno) in
            do throws(Errno) { try retrying { clinux_unlink_in(folderNumber, draft) } } catch .noSuchFileOrDirectory {}
            let file = OwnedDescriptor(
                adopting: try retrying { clinux_create_file_in(folderNumber, draft) }, of: self)
            let raw = file.rawValue
            try FileOutput.write(content, to: raw)
            try retrying { clinux_set_mode(raw, 0o644) }
            try retrying { clinux_rename_in(folderNumber, draft, name) }
        }
    }

    public func remove(_ name: String, in folder: StateFolder) throws(StateFolderError) {
        guard let open = try openFolder(folder, isMade: false) else { return }
        for name in [Self.draft(of: name), name] {
            do throws(Errno) { try retrying { clinux_unlink_in(open.rawValue, name) } } catch .noSuchFileOrDirectory {
            } catch { throw .call("unlink", path: "\(folder.path)/\(name)", error) }
        }
    }

    /// What a file is called until it is whole. One that is there is of a process that was killed.
    private static func draft(of name: String) -> String { ".\(name).new" }

    // MARK: Folders

    /// The bits of st_mode (inode(7)).
    private enum FileMode {
        static let type: UInt32 = 0o170000
        static let regular: UInt32 = 0o100000
        static let permissions: UInt32 = 0o7777
        static let othersWrite: UInt32 = 0o022
    }

    /// Opens each of its folders in the one before.
    /// - Parameter isMade: whether those that aren't there are made; otherwise the result is nil.
    private func openFolder(_ folder: StateFolder, isMade: Bool) throws(StateFolderError) -> OwnedDescriptor? {
        guard var descriptor = try openFolder(folder.base, in: -1, folder.base, isMade: isMade) else { return nil }
        var path = folder.base
        for name in folder.names {
            path += "/\(name)"
            guard let next = try openFolder(name, in: descriptor.rawValue, path, isMade: isMade) else { return nil }
            descriptor = next
            let mode = try checkedMode(of: descriptor.rawValue, path)
            guard isMade, mode & FileMode.permissions != 0o755 else { continue }
            // Made by a careless program, or by a process that was killed before its mode was set.
            let raw = descriptor.rawValue
            do throws(Errno) { try retrying { clinux_set_mode(raw, 0o755) } } catch {
                if mode & FileMode.othersWrite != 0 { throw .writable(path: path) }
            }
        }
        return descriptor
    }

    private func openFolder(
        _ name: String, in parent: CInt, _ path: String, isMade: Bool
    ) throws(StateFolderError) -> OwnedDescriptor? {
        var isNew = false
        for isSecondTry in [false, true] {
            do throws(Errno) {
                let folder = OwnedDescriptor(adopting: try retrying { clinux_open_folder_in(parent, name) }, of: self)
                // The umask took from it.
                if isNew { try retrying { clinux_set_mode(folder.rawValue, 0o755) } }
                return folder
            } catch .noSuchFileOrDirectory {
                if !isMade { return nil }
                if isSecondTry { throw .call("open", path: path, .noSuchFileOrDirectory) }
            } catch {
                if error == .notDirectory || error == .tooManySymbolicLinkLevels { throw .notAFolder(path: path) }
                throw .call("open", path: path, error)
            }
            do throws(Errno) {
                try retrying { clinux_make_folder_in(parent, name) }
                isNew = true
            } catch .fileExists {
            } catch { throw .call("mkdir", path: path, error) }
        }
        return nil
    }

    /// The mode of an open file that belongs to root or to this user.
    private func checkedMode(of descriptor: CInt, _ path: String) throws(StateFolderError) -> UInt32 {
        var (owner, mode): (UInt32, UInt32) = (0, 0)
        try naming("fstat", path) { () throws(Errno) in
            _ = try retrying { clinux_file_owner(descriptor, &owner, &mode) }
        }
        guard owner == 0 || owner == clinux_user() else { throw .foreign(path: path, owner: owner) }
        return mode
    }

    private func naming<Result>(
        _ call: String, _ path: String, _ body: () throws(Errno) -> Result
    ) throws(StateFolderError) -> Result {
        do { return try body() } catch { throw .call(call, path: path, error) }
    }
>>>>>>> golden
}

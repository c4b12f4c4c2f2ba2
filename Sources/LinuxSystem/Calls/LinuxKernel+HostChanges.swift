// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel: HostChangeCalls {
    public func writeFile(_ path: String, _ content: [UInt8]) throws(Errno) {
        let descriptor = OwnedDescriptor(adopting: try open(path, .writeOnly), of: self, isFile: true)
        // Safety: write reads content.count bytes, the length of the array that is passed.
        let count = try write(descriptor.rawValue, content, content.count)
        guard count == content.count else { throw .ioError }
    }

    public func lock(_ folder: StateFolder) throws(StateFolderError) -> CInt? {
        guard let open = try openFolder(folder, isMade: true) else { return nil }
        // The lock belongs to the open file description, so a copy of the descriptor holds it.
        let raw = try naming("dup", folder.path) { () throws(Errno) in
            try duplicate(open.rawValue)
        }
        do throws(Errno) {
            try retrying { clinux_try_lock(raw) }
            return raw
        } catch {
            close(raw)
            if error == .wouldBlock { return nil }
            throw .call("flock", path: folder.path, error)
        }
    }

    public func read(_ name: String, in folder: StateFolder, limit: Int) throws(StateFolderError) -> [UInt8]? {
        guard let open = try openFolder(folder, isMade: false) else { return nil }
        let path = "\(folder.path)/\(name)"
        let file: OwnedDescriptor
        do throws(Errno) {
            file = OwnedDescriptor(
                adopting: try retrying { clinux_open_file_in(open.rawValue, name) }, of: self, isFile: true)
        } catch .noSuchFileOrDirectory {
            return nil
        } catch .tooManySymbolicLinkLevels {
            throw .notAFile(path: path)
        } catch { throw .call("open", path: path, error) }
        let mode = try checkedMode(of: file.rawValue, path)
        guard mode & FileMode.type == FileMode.regular else { throw .notAFile(path: path) }
        guard mode & FileMode.othersWrite == 0 else { throw .writable(path: path) }
        var content = [UInt8](repeating: 0, count: limit + 1)
        let raw = file.rawValue
        let count = try naming("read", path) { () throws(Errno) in
            // Safety: read writes at most limit + 1 bytes, the length of the array that is passed.
            try read(raw, &content, limit + 1)
        }
        guard count <= limit else { throw .call("read", path: path, .fileTooLarge) }
        return Array(content.prefix(count))
    }

    public func save(_ name: String, in folder: StateFolder, _ content: [UInt8]) throws(StateFolderError) {
        guard let open = try openFolder(folder, isMade: true) else { return }
        let folderNumber = open.rawValue
        let path = "\(folder.path)/\(name)"
        let draft = Self.draft(of: name)
        try naming("write", path) { () throws(Errno) in
            do throws(Errno) { try unlink(draft, in: folderNumber) } catch .noSuchFileOrDirectory {}
            let file = OwnedDescriptor(
                adopting: try retrying { clinux_create_file_in(folderNumber, draft) }, of: self, isFile: true)
            let raw = file.rawValue
            try FileOutput.write(content, to: raw, of: self)
            try setMode(raw, 0o644)
            try retrying { clinux_rename_in(folderNumber, draft, name) }
        }
    }

    public func remove(_ name: String, in folder: StateFolder) throws(StateFolderError) {
        guard let open = try openFolder(folder, isMade: false) else { return }
        for name in [Self.draft(of: name), name] {
            do throws(Errno) { try unlink(name, in: open.rawValue) } catch .noSuchFileOrDirectory {
            } catch { throw .call("unlink", path: "\(folder.path)/\(name)", error) }
        }
    }

    private func unlink(_ name: String, in folder: CInt) throws(Errno) {
        try retrying { clinux_unlink_in(folder, name) }
    }

    /// The name of a file until it is complete. An existing draft is from a process that was killed.
    private static func draft(of name: String) -> String { ".\(name).new" }

    // MARK: Folders

    /// The bits of st_mode (inode(7)).
    private enum FileMode {
        static let type: UInt32 = 0o170000
        static let regular: UInt32 = 0o100000
        static let permissions: UInt32 = 0o7777
        static let othersWrite: UInt32 = 0o022
    }

    /// Opens each of its folders relative to the previous one.
    /// - Parameter isMade: whether to create missing folders; otherwise the result is nil.
    private func openFolder(_ folder: StateFolder, isMade: Bool) throws(StateFolderError) -> OwnedDescriptor? {
        guard var descriptor = try openFolder(folder.base, in: -1, folder.base, isMade: isMade) else { return nil }
        var path = folder.base
        for name in folder.names {
            path += "/\(name)"
            guard let next = try openFolder(name, in: descriptor.rawValue, path, isMade: isMade) else { return nil }
            descriptor = next
            let mode = try checkedMode(of: descriptor.rawValue, path)
            guard isMade, mode & FileMode.permissions != 0o755 else { continue }
            // Another program created it, or a process that was killed before it set the mode.
            let raw = descriptor.rawValue
            do throws(Errno) { try setMode(raw, 0o755) } catch {
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
                let folder = OwnedDescriptor(
                    adopting: try retrying { clinux_open_folder_in(parent, name) }, of: self, isFile: true)
                // The umask removed permissions.
                if isNew { try setMode(folder.rawValue, 0o755) }
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

    /// The mode of an open file; throws unless root or this user owns it.
    private func checkedMode(of descriptor: CInt, _ path: String) throws(StateFolderError) -> UInt32 {
        var (owner, mode): (UInt32, UInt32) = (0, 0)
        _ = try naming("fstat", path) { () throws(Errno) in
            try retrying { clinux_file_owner(descriptor, &owner, &mode) }
        }
        guard owner == 0 || owner == clinux_user() else { throw .foreign(path: path, owner: owner) }
        return mode
    }

    private func naming<Result>(
        _ call: String, _ path: String, _ body: () throws(Errno) -> Result
    ) throws(StateFolderError) -> Result {
        do { return try body() } catch { throw .call(call, path: path, error) }
    }
}

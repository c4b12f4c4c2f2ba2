// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls that change the host: files of sysfs, and Martlet's own notes.
///
/// Apart from `SystemCalls`, because no code that runs a guest uses them. File systems and drivers answer them, with
/// any error.
public protocol HostChangeCalls: DebugFSCalls {
    /// Writes `content` to an existing file in one write(2), as sysfs requires for a command.
    /// - Throws: the errors of open(2) and write(2), which for sysfs are those of the kernel or of a driver; EIO when
    ///   only part of it was taken.
    func writeFile(_ path: String, _ content: [UInt8]) throws(Errno)
    /// Locks the folder, and creates it if it doesn't exist.
    /// - Returns: a descriptor; closing it ends the lock, as does the end of this process. Nil if another process has
    ///   the lock.
    func lock(_ folder: StateFolder) throws(StateFolderError) -> CInt?
    /// The content of a file in the folder; nil if there is no such file.
    /// - Parameter limit: in bytes; EFBIG for a file that is longer.
    func read(_ name: String, in folder: StateFolder, limit: Int) throws(StateFolderError) -> [UInt8]?
    /// Creates or replaces a file in the folder.
    ///
    /// If the process is killed meanwhile, the folder has the old file or the new one, whole. The folder is created if
    /// it doesn't exist.
    func save(_ name: String, in folder: StateFolder, _ content: [UInt8]) throws(StateFolderError)
    /// Removes a file from the folder; a missing file is no error.
    func remove(_ name: String, in folder: StateFolder) throws(StateFolderError)
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls that change the host: switches in sysfs, and Martlet's own notes. Apart from `SystemCalls`, since nothing
/// that runs a guest makes them. File systems and drivers answer them, with any error.
public protocol HostChangeCalls: DebugFSCalls {
    /// Writes `content` to a file that exists in one write(2), which is how sysfs takes a command.
    /// - Throws: what open(2) and write(2) give, which for sysfs is the answer of the kernel or of a driver; EIO when
    ///   part of it was taken.
    func writeFile(_ path: String, _ content: [UInt8]) throws(Errno)
    /// Takes the lock of the folder, which is made where it isn't there.
    /// - Returns: a descriptor whose close ends the lock, as does the end of this process; nil if another process has
    ///   the lock.
    func lock(_ folder: StateFolder) throws(StateFolderError) -> CInt?
    /// The content of a file in the folder; nil where there is no such file.
    /// - Parameter limit: in bytes; EFBIG for a file that is longer.
    func read(_ name: String, in folder: StateFolder, limit: Int) throws(StateFolderError) -> [UInt8]?
    /// Makes a file in the folder, or replaces the one that is there. A process that is killed meanwhile leaves the one
    /// or the other. The folder is made where it isn't there.
    func save(_ name: String, in folder: StateFolder, _ content: [UInt8]) throws(StateFolderError)
    /// Removes a file from the folder; one that isn't there is fine.
    func remove(_ name: String, in folder: StateFolder) throws(StateFolderError)
}

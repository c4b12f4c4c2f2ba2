// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// How a file is made for writing.
public enum FileCreation: Sendable {
    /// Opens a file that exists. ENXIO: a FIFO has no reader.
    case existing
    /// Empty, and made where there is no such file.
    case replaced
    /// There must be nothing of that name: EEXIST.
    case new
    /// A file without a name in the folder of that path (O_TMPFILE); it goes with its descriptor. EOPNOTSUPP or EISDIR
    /// where the file system has no such files.
    case unnamed
}

/// The calls that make and name the files that the user asked for. A file system answers them, with any error.
public protocol OutputCalls: Sendable {
    /// Opens for writing, without waiting for a reader.
    func create(_ path: String, _ creation: FileCreation) throws(Errno) -> CInt
    /// Gives a file without a name one, which nothing may have yet.
    func nameFile(_ descriptor: CInt, _ path: String) throws(Errno)
    /// Gives a file another name, in the place of the file that had it.
    func renameFile(_ path: String, to newPath: String) throws(Errno)
    /// Removes the name of a file.
    func removeFile(_ path: String) throws(Errno)
    /// Cuts an open file to `size` bytes, or makes it longer.
    func setSize(_ descriptor: CInt, _ size: UInt64) throws(Errno)
    /// Gives an open file the permissions in `mode` (inode(7)).
    func setMode(_ descriptor: CInt, _ mode: UInt32) throws(Errno)
    /// The mode of an open file: type and permissions.
    func fileMode(_ descriptor: CInt) throws(Errno) -> UInt32
}

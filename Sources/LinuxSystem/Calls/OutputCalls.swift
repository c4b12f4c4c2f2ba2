// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// How a file is opened for writing.
public enum FileCreation: Sendable {
    /// Opens an existing file. ENXIO: a FIFO has no reader.
    case existing
    /// Empties the file, or creates it if it doesn't exist.
    case replaced
    /// Creates the file; EEXIST if the name is in use.
    case new
    /// A file without a name in the folder at that path (O_TMPFILE); the kernel deletes it with its last descriptor.
    /// EOPNOTSUPP or EISDIR on a file system that doesn't support it.
    case unnamed
}

/// The calls that create and name the files that the user asked for.
///
/// A file system answers them, with any error.
public protocol OutputCalls: Sendable {
    /// Opens for writing, without waiting for a reader.
    func create(_ path: String, _ creation: FileCreation) throws(Errno) -> CInt
    /// Gives a name, which must be free, to a file without one.
    func nameFile(_ descriptor: CInt, _ path: String) throws(Errno)
    /// Renames a file, and replaces the file that has the new name.
    func renameFile(_ path: String, to newPath: String) throws(Errno)
    /// Removes the name of a file.
    func removeFile(_ path: String) throws(Errno)
    /// Truncates or extends an open file to `size` bytes.
    func setSize(_ descriptor: CInt, _ size: UInt64) throws(Errno)
    /// Gives an open file the permissions in `mode` (inode(7)).
    func setMode(_ descriptor: CInt, _ mode: UInt32) throws(Errno)
    /// The mode of an open file: its type and permissions.
    func fileMode(_ descriptor: CInt) throws(Errno) -> UInt32
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// How a file is opened. Every descriptor is close-on-exec.
public enum OpenAccess: Sendable {
    /// For reading.
    case readOnly
    /// For writing.
    case writeOnly
    /// For reading and writing.
    case readWrite
}

/// The calls that inspect, read and write files.
///
/// A file system or a driver answers them, or the user handed the descriptor in: EBADF and EFAULT may come from there,
/// and are thrown like all other errors.
public protocol FileCalls: Sendable {
    /// Opens an existing file.
    func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt
    /// Opens for reading without waiting for a FIFO's writer or for a modem line.
    /// - Throws: ENXIO for a socket, and the errors of open(2).
    func openWithoutWaiting(_ path: String) throws(Errno) -> CInt
    /// Closes a descriptor.
    ///
    /// A descriptor that isn't open is a bug of Martlet and ends the process: another thread may have been given that
    /// number.
    func close(_ descriptor: CInt)
    /// Closes a file whose file system may answer with any error.
    /// - Throws: the errors of close(2), for data that couldn't be written. The descriptor is closed in any case.
    func closeFile(_ descriptor: CInt) throws(Errno)
    /// A close-on-exec copy of a descriptor.
    func duplicate(_ descriptor: CInt) throws(Errno) -> CInt

    /// The whole content of a small file (sysfs, a device-tree property, a configuration).
    /// - Throws: `Errno.fileTooLarge` over `limit` bytes, and the errors of open(2) and read(2).
    func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8]
    /// The names in a directory, sorted, without "." and "..".
    func listDirectory(_ path: String) throws(Errno) -> [String]
    /// What a symbolic link points to.
    func readLink(_ path: String) throws(Errno) -> String
    /// Whether there is a directory at a path; symbolic links are followed.
    func isDirectory(_ path: String) throws(Errno) -> Bool
    /// The kind and size of an open file.
    func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus
    /// The kind of the file at a path; symbolic links are followed.
    func fileKind(_ path: String) throws(Errno) -> FileKind

    /// Reads at most `count` bytes into `buffer`; returns how many were read, 0 at the end.
    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int
    /// Writes at most `count` bytes of `buffer`; returns how many were written.
    func write(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int
    /// Reads at a file position into `buffer`; returns how many bytes were read.
    func pread(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int
    /// Writes `buffer` at a file position; returns how many bytes were written.
    func pwrite(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int

    /// Opens the kernel's log (/dev/kmsg) at its end; reading it never waits.
    func openKernelLog() throws(Errno) -> CInt
    /// The next record of the kernel's log, in one read(2).
    /// - Parameter limit: in bytes; EINVAL for a record that is longer.
    /// - Throws: EAGAIN when there is no more, EPIPE when records were overwritten before they were read.
    func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8]
}

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

    /// The kernel's log (/dev/kmsg), from its end on; reading never waits.
    func openKernelLog() throws(Errno) -> CInt
    /// The next record of it, in one read(2).
    /// - Parameter limit: in bytes; EINVAL for a record that is longer.
    /// - Throws: EAGAIN when there is no more, EPIPE when records were overwritten before they were read.
    func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8]
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls that never wait for the other end of a pipe, a socket or a terminal, and those that wait for a limited
/// time.
///
/// The user handed these descriptors in, mostly standard input, output and error. They may be of any kind: EBADF is
/// thrown like all other errors.
public protocol StreamCalls: Sendable {
    /// A second, non-blocking open file description of the same file.
    /// - Throws: ENXIO for a socket and for a pipe without a reader, EACCES for another user's terminal.
    func reopen(_ descriptor: CInt, forWriting: Bool) throws(Errno) -> CInt
    /// send(2) without waiting and without SIGPIPE.
    /// - Throws: ENOTSOCK when it is no socket.
    func send(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int
    /// recv(2) without waiting.
    /// - Throws: ENOTSOCK when it is no socket.
    func receive(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int
    /// read(2) for at most about 10 ms: after poll(2), another process may have taken the bytes.
    /// - Throws: EINTR when the time is over.
    func readBriefly(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int
    /// write(2) for at most about 10 ms.
    /// - Throws: EINTR when the time is over.
    func writeBriefly(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int
    /// Waits until a read would return bytes, the end or an error.
    ///
    /// False when the time runs out first.
    /// - Parameter milliseconds: the longest wait; -1 for no limit.
    func waitUntilReadable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool
    /// Waits until a write would find room or an error.
    ///
    /// False when the time runs out first.
    /// - Parameter milliseconds: the longest wait; -1 for no limit.
    func waitUntilWritable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool
    /// Waits until one of two descriptors can be read; a negative number stands for none.
    ///
    /// Both results are false when the time runs out first.
    /// - Throws: EINTR when a signal came first.
    func waitUntilReadable(
        _ first: CInt, or second: CInt, milliseconds: CInt
    ) throws(Errno) -> (first: Bool, second: Bool)
}

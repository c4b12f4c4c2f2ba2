// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls that never wait for whoever is at the other end of a pipe, a socket or a terminal, and those that wait for
/// so long.
///
/// The descriptors are those that the user handed in, standard input, output and error above all. They may be anything:
/// EBADF is thrown like all other errors.
public protocol StreamCalls: Sendable {
    /// A second, non-blocking open file description of what a descriptor refers to.
    /// - Throws: ENXIO for a socket and for a pipe that nobody reads, EACCES for another user's terminal.
    func reopen(_ descriptor: CInt, forWriting: Bool) throws(Errno) -> CInt
    /// send(2) without waiting and without SIGPIPE.
    /// - Throws: ENOTSOCK for what is no socket.
    func send(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int
    /// recv(2) without waiting.
    /// - Throws: ENOTSOCK for what is no socket.
    func receive(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int
    /// read(2) for at most some 10 ms: poll(2) may promise what another process takes first.
    /// - Throws: EINTR when the time is over.
    func readBriefly(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int
    /// write(2) for at most some 10 ms.
    /// - Throws: EINTR when the time is over.
    func writeBriefly(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int
    /// Waits until a read would find something, an end or an error. False when the time is over first.
    /// - Parameter milliseconds: -1 for any time.
    func waitUntilReadable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool
    /// Waits until a write would find room or an error. False when the time is over first.
    /// - Parameter milliseconds: -1 for any time.
    func waitUntilWritable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool
    /// Waits until one of two can be read; a negative number is none. Both are false when the time is over first.
    /// - Throws: EINTR when a signal came first.
    func waitUntilReadable(
        _ first: CInt, or second: CInt, milliseconds: CInt
    ) throws(Errno) -> (first: Bool, second: Bool)
}

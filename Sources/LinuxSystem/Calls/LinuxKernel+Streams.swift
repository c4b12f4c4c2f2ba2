// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func reopen(_ descriptor: CInt, forWriting: Bool) throws(Errno) -> CInt {
        try retrying { clinux_reopen(descriptor, forWriting) }
    }

    public func send(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        try retrying { clinux_send_nonblocking(descriptor, buffer, count) }
    }

    public func receive(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int
    ) throws(Errno) -> Int {
        try retrying { clinux_receive_nonblocking(descriptor, buffer, count) }
    }

    public func readBriefly(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int
    ) throws(Errno) -> Int {
        try check(clinux_read_briefly(descriptor, buffer, count))
    }

    public func writeBriefly(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        try check(clinux_write_briefly(descriptor, buffer, count))
    }

    public func waitUntilReadable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool {
        try retrying { clinux_poll_readable(descriptor, milliseconds) } > 0
    }

    public func waitUntilWritable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool {
        try retrying { clinux_poll_writable(descriptor, milliseconds) } > 0
    }

    public func waitUntilReadable(
        _ first: CInt, or second: CInt, milliseconds: CInt
    ) throws(Errno) -> (first: Bool, second: Bool) {
        let ready = try check(clinux_poll_either(first, second, milliseconds))
        return (ready & 1 != 0, ready & 2 != 0)
    }
}

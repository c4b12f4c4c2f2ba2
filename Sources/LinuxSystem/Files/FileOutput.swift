// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// Writing whole files and messages.
public enum FileOutput {
    /// Writes all bytes, however often that takes.
    /// - Throws: what write(2) gives: ENOSPC, EPIPE, EIO.
    public static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            guard let base = rest.baseAddress else { return }
            // Safety: base points to rest.count bytes.
            let result = clinux_write(descriptor, base, rest.count)
            if result == -Int(EAGAIN) {
                try check(clinux_poll_writable(descriptor, -1))
                continue
            }
            if result != -Int(EINTR) { done += try check(result) }
        }
    }

    /// Writes all bytes, however often that takes.
    /// - Throws: what write(2) gives.
    static func write(_ bytes: [UInt8], to descriptor: CInt) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            do throws(Errno) { try write(buffer, to: descriptor) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes what can be written.
    public static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) {
        do { try write(bytes, to: descriptor) } catch {}
    }

    /// Replaces the content of the file at `path`, or creates it.
    /// - Throws: what open(2), write(2) and close(2) give.
    public static func replace(_ path: String, with bytes: [UInt8]) throws(Errno) {
        let descriptor = try retrying { clinux_create(path) }
        var failure: Errno?
        do throws(Errno) { try write(bytes, to: descriptor) } catch { failure = error }
        // A full disk may show only here, on network file systems.
        let closed = clinux_close(descriptor)
        if let failure { throw failure }
        try check(closed)
    }
}

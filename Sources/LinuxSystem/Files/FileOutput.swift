// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Writing whole files and messages.
public enum FileOutput {
    /// Writes all bytes, in as many calls as it takes.
    /// - Throws: the errors of write(2): ENOSPC, EPIPE, EIO.
    public static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: CInt, of system: any SystemCalls = LinuxKernel()
    ) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            guard let base = rest.baseAddress else { return }
            // Safety: base points to rest.count bytes.
            do throws(Errno) {
                done += try system.write(descriptor, base, rest.count)
            } catch .resourceTemporarilyUnavailable {
                _ = try system.waitUntilWritable(descriptor, milliseconds: -1)
            }
        }
    }

    /// Writes all bytes, in as many calls as it takes.
    /// - Throws: the errors of write(2).
    static func write(_ bytes: [UInt8], to descriptor: CInt, of system: any SystemCalls) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            do throws(Errno) { try write(buffer, to: descriptor, of: system) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes as much as possible, and ignores an error.
    public static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) {
        do { try write(bytes, to: descriptor) } catch {}
    }

    /// Replaces the content of the file at `path`, or creates it.
    /// - Throws: the errors of open(2), write(2) and close(2).
    public static func replace(
        _ path: String, with bytes: [UInt8], of system: any SystemCalls = LinuxKernel()
    ) throws(Errno) {
        let descriptor = try system.create(path, .replaced)
        do throws(Errno) { try write(bytes, to: descriptor, of: system) } catch {
            try? system.closeFile(descriptor)
            throw error
        }
        // On a network file system, a full disk may show only here.
        try system.closeFile(descriptor)
    }
}

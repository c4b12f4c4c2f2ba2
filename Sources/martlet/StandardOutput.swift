// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Standard output, for the result of a command. In `run` it is the guest's console.
enum StandardOutput {
    /// Writes one or several lines.
    /// - Throws: `Failure` if not all of it could be written.
    static func print(_ text: String) throws { try write(Array("\(text)\n".utf8)) }

    /// - Throws: `Failure` if not all of it could be written.
    static func write(_ bytes: [UInt8]) throws {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            // Safety: the buffer is valid for the whole closure.
            do throws(Errno) { try FileOutput.write(buffer, to: 1) } catch { failure = error }
        }
        if let failure { throw Failure(.failure, "standard output: \(failure.explained)") }
    }
}

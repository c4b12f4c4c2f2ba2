// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The calls for this process, and for the programs that it runs.
public protocol ProcessCalls: Sendable {
    /// Runs a program to its end and returns its output.
    /// - Parameters:
    ///   - program: a path, or a name that is searched on the PATH.
    ///   - input: what it reads from standard input.
    ///   - outputLimit: the limit of standard output in bytes; the program is killed when it writes more.
    /// - Throws: ENOENT when there is no such program, EFBIG over the limit, ETIMEDOUT when it takes longer than
    ///   `ProgramRun.timeLimitMilliseconds`, and the errors of memfd_create, pipe2 and posix_spawn.
    func run(
        _ program: String, _ arguments: [String], input: [UInt8], outputLimit: Int
    ) throws(Errno) -> ProgramRun

    /// Fills `buffer` with bytes of the kernel's random number generator (getrandom(2)).
    ///
    /// The memory may be the guest's: EFAULT is thrown like all other errors.
    /// - Returns: how many bytes were filled: all, if there are at most 256; otherwise a signal may end it early.
    func fillRandom(_ buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int

    /// Makes a write to a closed pipe fail with EPIPE instead of ending the process.
    func ignoreBrokenPipes() throws(Errno)
    /// Opens the descriptors 0, 1 and 2 where they are free; they can be neither read nor written.
    func reserveStandardDescriptors() throws(Errno)
    /// Sets close-on-exec on all open descriptors except 0, 1 and 2.
    /// - Throws: ENOSYS or EINVAL before Linux 5.11.
    func closeAllOnExec() throws(Errno)
    /// Ends the process, after flushing what was printed.
    func exit(_ status: CInt) -> Never
}

extension ProcessCalls {
    /// Runs a program without standard input.
    public func run(_ program: String, _ arguments: [String], outputLimit: Int) throws(Errno) -> ProgramRun {
        try run(program, arguments, input: [], outputLimit: outputLimit)
    }

    /// Bytes of the kernel's random number generator; at most 256.
    public func randomBytes(_ count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var result: Result<Int, Errno> = .success(0)
        // Safety: the buffer is valid for the closure, and is filled within its bounds.
        bytes.withUnsafeMutableBytes { buffer in
            do throws(Errno) { result = .success(try fillRandom(buffer)) } catch { result = .failure(error) }
        }
        _ = try result.get()
        return bytes
    }
}

/// The result of a program that has run.
public struct ProgramRun: Equatable, Sendable {
    /// The exit status, or 256 + the number of the signal that ended it.
    public var status: CInt
    /// Standard output.
    public var output: [UInt8]
    /// The beginning of standard error, as text.
    public var messages: String

    /// Combines the three.
    public init(status: CInt, output: [UInt8], messages: String) {
        self.status = status
        self.output = output
        self.messages = messages
    }

    /// How long a program may run.
    public static var timeLimitMilliseconds: Int { 30_000 }
    /// How many bytes of standard error are kept; the rest is read and dropped.
    public static var messageLimit: Int { 16384 }
}

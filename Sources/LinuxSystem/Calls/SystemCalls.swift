// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// How a file is opened. Every descriptor is close-on-exec.
public enum OpenAccess: Sendable {
    case readOnly
    case writeOnly
    case readWrite
}

/// Every system call that Martlet makes outside KVM and VFIO.
///
/// `LinuxKernel` is the real kernel; unit tests put a fake in its place. `KVM` and `VFIO` refine this protocol with
/// their ioctls. A throwing call throws the kernel's `Errno`; the caller adds what it was about.
public protocol SystemCalls: Sendable {
    func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt
    func close(_ descriptor: CInt)

    /// The whole content of a small file (sysfs, a device-tree property, a configuration).
    /// - Throws: `Errno.fileTooLarge` over `limit` bytes, besides what open and read give.
    func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8]
    /// The names in a directory, sorted, without "." and "..".
    func listDirectory(_ path: String) throws(Errno) -> [String]
    func readLink(_ path: String) throws(Errno) -> String
    func isDirectory(_ path: String) throws(Errno) -> Bool

    /// Opens for reading, and doesn't wait for whoever is at the other end of a FIFO, or for a line of a modem's.
    /// - Throws: ENXIO for a socket, besides what open(2) gives otherwise.
    func openWithoutWaiting(_ path: String) throws(Errno) -> CInt
    /// What an open file is.
    func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus
    /// What there is at a path, links being followed.
    func fileKind(_ path: String) throws(Errno) -> FileKind
    /// Reads at a file position into `buffer`; returns how many bytes came.
    func pread(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int
    func pwrite(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int

    /// A non-blocking eventfd with the count 0.
    func createEventDescriptor() throws(Errno) -> CInt
    /// A disarmed, non-blocking timerfd on CLOCK_MONOTONIC.
    func createTimer() throws(Errno) -> CInt
    /// A non-blocking signalfd for `signals`, which are blocked in the calling thread from now on.
    func createSignalDescriptor(_ signals: [CInt]) throws(Errno) -> CInt
    /// An epoll instance that watches nothing.
    func createPoll() throws(Errno) -> CInt
    /// Makes `poll` report `token` whenever `descriptor` can be read, has an error or was hung up; until it is closed or
    /// removed.
    func watch(_ descriptor: CInt, token: UInt64, in poll: CInt) throws(Errno)
    /// A memfd of `size` bytes, empty and unallocated.
    /// - Parameter hugePageSize: it is made of huge pages of this many bytes; nil for ordinary ones. ENODEV or EINVAL where the
    ///   kernel hasn't got such pages.
    func createMemory(name: String, size: UInt64, hugePageSize: UInt64?) throws(Errno) -> CInt
    /// `size` bytes of the heap below /dev/dma_heap that is open as `heap`: a descriptor of their own.
    func allocateMemory(ofHeap heap: CInt, size: UInt64) throws(Errno) -> CInt
    /// A shared, readable and writable mapping of `descriptor` from `offset`; returns its address.
    func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt
    /// A mapping of several parts of `descriptor` one behind the other, with all of its pages there at once.
    /// - Parameters:
    ///   - alignment: in bytes, a power of two; the address has the remainder by it that `remainder` says.
    func mapShared(
        _ descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64
    ) throws(Errno) -> UInt
    /// Keeps the pages of mapped memory where they are, until `unpin` gets what this returns.
    func pin(address: UInt, size: UInt64) throws(Errno) -> CInt
    func unpin(_ pin: CInt)
    func unmap(address: UInt, size: UInt64)
    /// Asks for transparent huge pages; a kernel without them may refuse.
    func adviseHugePages(address: UInt, size: UInt64) throws(Errno)
    /// Leaves mapped memory out of core dumps (MADV_DONTDUMP).
    func excludeFromCoreDumps(address: UInt, size: UInt64) throws(Errno)

    /// Lets time pass; a signal ends it early.
    func sleep(milliseconds: Int)

    /// Bytes of the kernel's random number generator, 256 at most (getrandom(2)).
    func randomBytes(_ count: Int) throws(Errno) -> [UInt8]

    /// Lets the calling thread, and those that it starts from now on, run on these CPUs only.
    /// - Throws: EINVAL when there is none among them that it may use; others that it may not are left out without a
    ///   word.
    func setAffinity(_ cpus: [Int]) throws(Errno)

    /// The kernel's log (/dev/kmsg), from its end on; reading never waits.
    func openKernelLog() throws(Errno) -> CInt
    /// The next record of it, in one read(2).
    /// - Parameter limit: in bytes; EINVAL for a record that is longer.
    /// - Throws: EAGAIN when there is no more, EPIPE when records were overwritten before they were read.
    func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8]

    /// Runs a program to its end and takes what it writes.
    /// - Parameters:
    ///   - program: a path, or a name that is looked for on the PATH.
    ///   - input: what it reads from standard input.
    ///   - outputLimit: in bytes, for standard output; it is stopped when it writes more.
    /// - Throws: ENOENT where there is no such program, EFBIG over the limit, ETIMEDOUT when it takes longer than
    ///   `ProgramRun.timeLimitMilliseconds`, besides what memfd_create, pipe2 and posix_spawn give.
    func run(
        _ program: String, _ arguments: [String], input: [UInt8], outputLimit: Int
    ) throws(Errno) -> ProgramRun
}

extension SystemCalls {
    /// A memfd of `size` bytes of ordinary pages, empty and unallocated.
    public func createMemory(name: String, size: UInt64) throws(Errno) -> CInt {
        try createMemory(name: name, size: size, hugePageSize: nil)
    }

    /// Runs a program without standard input.
    public func run(_ program: String, _ arguments: [String], outputLimit: Int) throws(Errno) -> ProgramRun {
        try run(program, arguments, input: [], outputLimit: outputLimit)
    }
}

/// What a program that was run left behind.
public struct ProgramRun: Equatable, Sendable {
    /// The exit status, or 256 + the number of the signal that ended it.
    public var status: CInt
    /// Standard output.
    public var output: [UInt8]
    /// The beginning of standard error, as text.
    public var messages: String

    public init(status: CInt, output: [UInt8], messages: String) {
        self.status = status
        self.output = output
        self.messages = messages
    }

    /// How long a program may take.
    public static var timeLimitMilliseconds: Int { 30_000 }
    /// How many bytes of standard error are kept; what a program writes beyond is read and forgotten.
    public static var messageLimit: Int { 16384 }
}

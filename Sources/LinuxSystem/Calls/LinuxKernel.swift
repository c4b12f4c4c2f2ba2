// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// The running kernel: each call goes straight to the system call of that name, repeated when a signal interrupts it.
///
/// `KVM` and `VFIO` extend it with their ioctls, each in one file.
public struct LinuxKernel: SystemCalls {
    /// There is one kernel, and it has no state here.
    public init() {}

    public func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt {
        let flags =
            switch access {
            case .readOnly: CLINUX_OPEN_READ
            case .writeOnly: CLINUX_OPEN_WRITE
            case .readWrite: CLINUX_OPEN_READ_WRITE
            }
        return try retrying { clinux_open(path, CInt(flags)) }
    }

    public func close(_ descriptor: CInt) {
        // Linux releases the descriptor even when close reports EINTR or EIO: repeating would close a stranger's.
        _ = clinux_close(descriptor)
    }

    public func sleep(milliseconds: Int) { _ = clinux_poll_either(-1, -1, CInt(clamping: milliseconds)) }

    public func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        let descriptor = OwnedDescriptor(adopting: try open(path, .readOnly), of: self)
        var content: [UInt8] = []
        let chunkSize = 4096
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while true {
            // Safety: read writes at most chunkSize bytes, the length of the array that is passed.
            let count = try retrying { clinux_read(descriptor.rawValue, &chunk, chunkSize) }
            if count == 0 { return content }
            guard content.count + count <= limit else { throw .fileTooLarge }
            content.append(contentsOf: chunk[..<count])
        }
    }

    public func listDirectory(_ path: String) throws(Errno) -> [String] {
        var names: [String] = []
        // Safety: the context outlives the call, which alone uses it.
        let result = withUnsafeMutablePointer(to: &names) { context in
            clinux_list_directory(path, context) { context, name in
                context?.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
            }
        }
        try check(result)
        return names.sorted()
    }

    public func readLink(_ path: String) throws(Errno) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        // Safety: readlink writes at most buffer.count bytes, and the count that it returns is what is used.
        let count = try retrying { clinux_readlink(path, &buffer, buffer.count) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    public func isDirectory(_ path: String) throws(Errno) -> Bool {
        try retrying { clinux_is_directory(path) } != 0
    }

    public func openWithoutWaiting(_ path: String) throws(Errno) -> CInt {
        try retrying { clinux_open(path, CInt(CLINUX_OPEN_READ | CLINUX_OPEN_NONBLOCKING)) }
    }

    public func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus {
        var (mode, size): (UInt32, UInt64) = (0, 0)
        try retrying { clinux_file_status(descriptor, &mode, &size) }
        return FileStatus(kind: FileKind(mode: mode), size: size)
    }

    public func fileKind(_ path: String) throws(Errno) -> FileKind {
        var mode: UInt32 = 0
        try retrying { clinux_path_mode(path, &mode) }
        return FileKind(mode: mode)
    }

    public func pread(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        guard let position = off_t(exactly: offset) else { throw .invalidArgument }
        return try retrying { clinux_pread(descriptor, base, buffer.count, position) }
    }

    public func pwrite(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        guard let position = off_t(exactly: offset) else { throw .invalidArgument }
        return try retrying { clinux_pwrite(descriptor, base, buffer.count, position) }
    }

    public func createEventDescriptor() throws(Errno) -> CInt { try retrying { clinux_eventfd() } }

    public func createTimer() throws(Errno) -> CInt { try retrying { clinux_timerfd() } }

    public func createSignalDescriptor(_ signals: [CInt]) throws(Errno) -> CInt {
        try retrying { clinux_signalfd(signals, signals.count) }
    }

    public func createPoll() throws(Errno) -> CInt { try retrying { clinux_epoll_create() } }

    public func watch(_ descriptor: CInt, token: UInt64, in poll: CInt) throws(Errno) {
        try retrying { clinux_epoll_add(poll, descriptor, UInt32(CLINUX_EPOLL_READABLE), token) }
    }

    public func createMemory(name: String, size: UInt64, hugePageSize: UInt64?) throws(Errno) -> CInt {
        guard let length = off_t(exactly: size), hugePageSize?.nonzeroBitCount ?? 1 == 1 else { throw .invalidArgument }
        let descriptor = try retrying {
            hugePageSize.map { clinux_memfd_create_huge(name, UInt32($0.trailingZeroBitCount)) }
                ?? clinux_memfd_create(name)
        }
        do {
            _ = try retrying { clinux_ftruncate(descriptor, length) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    public func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt {
        guard let position = off_t(exactly: offset), let length = Int(exactly: size) else { throw .invalidArgument }
        return try mappedAddress(
            clinux_mmap(nil, length, CInt(CLINUX_MAP_READ_WRITE), CInt(CLINUX_MAP_SHARED), descriptor, position))
    }

    /// What mmap(2) returned: an address, which may have its highest bit set, or an errno, which is -4095 to -1.
    func mappedAddress(_ result: Int) throws(Errno) -> UInt {
        if (-4095 ... -1).contains(result) { throw Errno(rawValue: CInt(-result)) }
        return UInt(bitPattern: result)
    }

    public func unmap(address: UInt, size: UInt64) {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { return }
        // Safety: called by a mapping's one owner with what mmap returned, or a part of it. Of nothing the kernel unmaps nothing.
        _ = clinux_munmap(pointer, Int(size))
    }

    public func adviseHugePages(address: UInt, size: UInt64) throws(Errno) {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { throw .invalidArgument }
        _ = try retrying { clinux_advise_huge_pages(pointer, Int(size)) }
    }

    public func excludeFromCoreDumps(address: UInt, size: UInt64) throws(Errno) {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { throw .invalidArgument }
        _ = try retrying { clinux_exclude_from_core_dumps(pointer, Int(size)) }
    }

    public func randomBytes(_ count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // Safety: getrandom writes the bytes that it is told of, and gives as many in one call up to 256.
        try retrying { clinux_get_random(&bytes, count) }
        return bytes
    }

    public func setAffinity(_ cpus: [Int]) throws(Errno) {
        let numbers = cpus.map { CInt(clamping: $0) }
        // Safety: the call reads as many numbers as there are, and keeps none.
        try retrying { clinux_set_affinity(numbers, numbers.count) }
    }

    public func openKernelLog() throws(Errno) -> CInt { try retrying { clinux_kernel_log() } }

    public func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8] {
        var record = [UInt8](repeating: 0, count: limit)
        // Safety: read writes at most limit bytes, the length of the array that is passed.
        let count = try retrying { clinux_read(descriptor, &record, limit) }
        record.removeLast(limit - count)
        return record
    }
}

/// Throws the errno that a `CLinux` function returned as a negative number.
///
/// Inlinable, like `retrying`: each trapped access of a guest comes through here, and an unspecialised generic costs 200
/// instructions.
@discardableResult
@inlinable
public func check<Result: FixedWidthInteger & SignedInteger>(_ result: Result) throws(Errno) -> Result {
    if result < 0 { throw Errno(rawValue: CInt(-result)) }
    return result
}

/// Repeats `call` for as long as a signal interrupts it.
@discardableResult
@inlinable
public func retrying<Result: FixedWidthInteger & SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let error = Errno(rawValue: CInt(-result))
        if error != .interrupted { throw error }
    }
}

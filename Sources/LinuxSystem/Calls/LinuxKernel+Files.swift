// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt {
        let flags =
            switch access {
            case .readOnly: CLINUX_OPEN_READ
            case .writeOnly: CLINUX_OPEN_WRITE
            case .readWrite: CLINUX_OPEN_READ_WRITE
            }
        return try open(path, CInt(flags))
    }

    public func openWithoutWaiting(_ path: String) throws(Errno) -> CInt {
        try open(path, CInt(CLINUX_OPEN_READ | CLINUX_OPEN_NONBLOCKING))
    }

    /// - Parameter flags: of open(2); O_CLOEXEC and O_NOCTTY are added.
    func open(_ path: String, _ flags: CInt) throws(Errno) -> CInt { try retrying { clinux_open(path, flags) } }

    public func close(_ descriptor: CInt) {
        // Whatever other error close(2) reports, the descriptor is closed.
        do throws(Errno) { try closeFile(descriptor) } catch { _ = failure(error, "close") }
    }

    public func closeFile(_ descriptor: CInt) throws(Errno) {
        // Not repeated: Linux releases the descriptor even when close reports EINTR, and the number may belong to
        // another file by then.
        try check(clinux_close(descriptor))
    }

    public func duplicate(_ descriptor: CInt) throws(Errno) -> CInt { try retrying { clinux_duplicate(descriptor) } }

    public func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        let descriptor = OwnedDescriptor(adopting: try open(path, .readOnly), of: self, isFile: true)
        var content: [UInt8] = []
        let chunkSize = 4096
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while true {
            // Safety: read writes at most chunkSize bytes, the length of the array that is passed.
            let count = try read(descriptor.rawValue, &chunk, chunkSize)
            if count == 0 { return content }
            guard content.count + count <= limit else { throw .fileTooLarge }
            content.append(contentsOf: chunk[..<count])
        }
    }

    public func listDirectory(_ path: String) throws(Errno) -> [String] {
        var names: [String] = []
        // Safety: the context outlives the call, and only the call uses it.
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
        // Safety: readlink writes at most buffer.count bytes, and only the count that it returns is used.
        let count = try retrying { clinux_readlink(path, &buffer, buffer.count) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    public func isDirectory(_ path: String) throws(Errno) -> Bool {
        try retrying { clinux_is_directory(path) } != 0
    }

    public func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus {
        let (mode, size) = try modeAndSize(of: descriptor)
        return FileStatus(kind: FileKind(mode: mode), size: size)
    }

    func modeAndSize(of descriptor: CInt) throws(Errno) -> (mode: UInt32, size: UInt64) {
        var (mode, size): (UInt32, UInt64) = (0, 0)
        try retrying { clinux_file_status(descriptor, &mode, &size) }
        return (mode, size)
    }

    public func fileKind(_ path: String) throws(Errno) -> FileKind {
        var mode: UInt32 = 0
        try retrying { clinux_path_mode(path, &mode) }
        return FileKind(mode: mode)
    }

    public func read(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int
    ) throws(Errno) -> Int {
        try retrying { clinux_read(descriptor, buffer, count) }
    }

    public func write(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        try retrying { clinux_write(descriptor, buffer, count) }
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

    public func openKernelLog() throws(Errno) -> CInt { try retrying { clinux_kernel_log() } }

    public func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8] {
        var record = [UInt8](repeating: 0, count: limit)
        // Safety: read writes at most limit bytes, the length of the array that is passed.
        let count = try read(descriptor, &record, limit)
        record.removeLast(limit - count)
        return record
    }
}

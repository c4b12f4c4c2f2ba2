// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import SystemPackage

/// Reads a file that the user named and that may be a stream: `/dev/stdin`, a FIFO, a shell's `<(command)`.
public enum StreamFile {
    /// How long to wait for a FIFO's first writer.
    static let patienceMilliseconds: CInt = 10_000

    /// The whole content, up to the stream's end.
    ///
    /// It waits without a limit for a pipe's writer and for a person at a terminal, as other programs do. It gives up
    /// after `patienceMilliseconds` when no writer is known.
    /// - Throws: `FileError.failed` with EFBIG over `limit` bytes and EISDIR, `.wrongKind` for a socket, `.noPartner`.
    public static func content(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try content(path, limit: limit, patienceMilliseconds: patienceMilliseconds)
    }

    static func content(
        _ path: String, limit: Int, patienceMilliseconds patience: CInt
    ) throws(FileError) -> [UInt8] {
        let kernel = LinuxKernel()
        do throws(Errno) {
            let descriptor = OwnedDescriptor(adopting: try kernel.openWithoutWaiting(path), of: kernel, isFile: true)
            return try read(
                descriptor.rawValue, try kernel.fileStatus(descriptor.rawValue).kind, of: kernel, limit: limit,
                patience: patience)
        } catch {
            guard error == .timedOut, let kind = try? kernel.fileKind(path) else {
                throw FileError.opening(path, error, of: kernel)
            }
            throw kind == .fifo ? FileError.noPartner(isReader: false) : FileError.wrongKind(kind)
        }
    }

    private static func read(
        _ descriptor: CInt, _ kind: FileKind, of kernel: LinuxKernel, limit: Int, patience: CInt
    ) throws(Errno) -> [UInt8] {
        var content: [UInt8] = []
        /// Whether the wait for a FIFO's first writer found one; nil before a wait.
        var wait: Bool?
        let chunkSize = 4096
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while true {
            // Safety: read writes at most chunkSize bytes, the length of the array that is passed.
            let count: Int
            do throws(Errno) {
                count = try kernel.read(descriptor, &chunk, chunkSize)
            } catch .resourceTemporarilyUnavailable {
                wait = true
                let hasWriter = kind == .fifo || kernel.isTerminal(descriptor)
                let isReady = try kernel.waitUntilReadable(descriptor, milliseconds: hasWriter ? -1 : patience)
                guard isReady else { throw .timedOut }
                continue
            }
            if count > 0 {
                guard content.count + count <= limit else { throw .fileTooLarge }
                content.append(contentsOf: chunk[..<count])
            } else {
                // The end, or no writer so far: poll(2) reports a FIFO's end only after it had a writer.
                if wait == false { throw .timedOut }
                guard kind == .fifo, content.isEmpty, wait == nil else { return content }
                wait = try kernel.waitUntilReadable(descriptor, milliseconds: patience)
            }
        }
    }
}

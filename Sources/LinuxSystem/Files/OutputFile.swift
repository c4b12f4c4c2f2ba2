// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// A file whose content is known only later.
///
/// It is opened at once, so that a file that can't be written is reported before the work whose result it takes.
///
/// A regular file keeps its old content until `finish` replaces it with the new one in one step. Where that isn't
/// possible, as in a folder that this user may not write to, and for a FIFO, a terminal or `/dev/null`, `finish` writes
/// into the file itself.
public final class OutputFile: Sendable {
    private enum Target: Sendable {
        /// A file without a name, or with a temporary one, that replaces the file at `path`.
        case replacement(path: String, folder: String, temporary: String?)
        /// The regular file itself.
        case content
        /// The file itself, from the descriptor's current position.
        case stream
    }

    private let system: any SystemCalls
    private let descriptor: OwnedDescriptor
    private let target: Target

    /// - Throws: `FileError`: `.wrongKind` for a directory, a socket or a block device, `.noPartner` for a FIFO without
    ///   a reader.
    public convenience init(_ path: String, of system: any SystemCalls = LinuxKernel()) throws(FileError) {
        try self.init(path, of: system, isUnnamed: true)
    }

    /// - Parameter isUnnamed: false acts like a file system that doesn't support files without a name.
    init(_ path: String, of system: any SystemCalls = LinuxKernel(), isUnnamed: Bool) throws(FileError) {
        let (raw, target) = try Self.open(path, system, isUnnamed)
        self.system = system
        descriptor = OwnedDescriptor(adopting: raw, of: system, isFile: true)
        self.target = target
    }

    deinit { removeTemporary() }

    private static func open(
        _ path: String, _ kernel: any SystemCalls, _ isUnnamed: Bool
    ) throws(FileError) -> (CInt, Target) {
        if let number = descriptorNumber(path) {
            // Opening the file again would write it from its start.
            do { return (try kernel.duplicate(number), .stream) } catch { throw .failed(error) }
        }
        let existing: CInt
        do throws(Errno) { existing = try kernel.create(path, .existing) } catch {
            guard error == .noSuchFileOrDirectory else { throw refusal(path, error, kernel) }
            do { return try replacement(of: path, kernel, isUnnamed) } catch { throw .failed(error) }
        }
        let kind = try? kernel.fileStatus(existing).kind
        switch kind {
        case .regular:
            // Symbolic links are followed and aren't replaced.
            let path = (try? kernel.readLink("/proc/self/fd/\(existing)")) ?? path
            guard let (new, target) = try? replacement(of: path, kernel, isUnnamed) else { return (existing, .content) }
            if let mode = try? kernel.fileMode(existing) { try? kernel.setMode(new, mode) }
            try? kernel.closeFile(existing)
            return (new, target)
        case .fifo, .characterDevice: return (existing, .stream)
        case .directory, .socket, .blockDevice, .unknown, nil:
            try? kernel.closeFile(existing)
            throw .wrongKind(kind ?? .unknown)
        }
    }

    /// Why an existing file can't be opened for writing.
    private static func refusal(_ path: String, _ errno: Errno, _ kernel: any SystemCalls) -> FileError {
        switch try? kernel.fileKind(path) {
        case .directory: .wrongKind(.directory)
        case .socket: .wrongKind(.socket)
        case .fifo where errno == .noSuchAddressOrDevice: .noPartner(isReader: true)
        default: .failed(errno)
        }
    }

    /// The number of the descriptor that a path such as "/dev/fd/3" stands for.
    private static func descriptorNumber(_ path: String) -> CInt? {
        switch path {
        case "/dev/stdout": return 1
        case "/dev/stderr": return 2
        default:
            for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
                return CInt(path.dropFirst(folder.count))
            }
            return nil
        }
    }

    private static func replacement(
        of path: String, _ kernel: any SystemCalls, _ isUnnamed: Bool
    ) throws(Errno) -> (CInt, Target) {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        // "" and "." can't name a file.
        guard !name.isEmpty else { throw .noSuchFileOrDirectory }
        let folder = name.utf8.count == path.utf8.count ? "." : String(path.dropLast(name.count))
        if isUnnamed {
            do {
                let new = try kernel.create(folder, .unnamed)
                return (new, .replacement(path: path, folder: folder, temporary: nil))
            } catch {
                guard error == .notSupported || error == .isDirectory || error == .invalidArgument else {
                    throw error
                }
            }
        }
        let temporary = try temporaryName(in: folder, kernel)
        let new = try kernel.create(temporary, .new)
        return (new, .replacement(path: path, folder: folder, temporary: temporary))
    }

    private static func temporaryName(in folder: String, _ kernel: any SystemCalls) throws(Errno) -> String {
        let number = try kernel.randomBytes(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return "\(folder)/.martlet-\(String(number, radix: 16))"
    }

    /// Writes the content. Call it once.
    /// - Parameter timeoutMilliseconds: how long to wait for the reader of a FIFO or a terminal; nil for no limit.
    /// - Throws: the errors of write(2), linkat(2) and rename(2); ETIMEDOUT when the reader took too long.
    public func finish(_ bytes: [UInt8], timeoutMilliseconds: UInt32? = nil) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            do throws(Errno) { try write(buffer, timeoutMilliseconds) } catch { failure = error }
        }
        if let failure { throw failure }
        guard case .replacement(let path, let folder, let temporary) = target else { return }
        // A file that is itself a mount point, as in a container, can't be replaced.
        do { try replace(path, folder, temporary) } catch { try FileOutput.replace(path, with: bytes, of: system) }
    }

    private func replace(_ path: String, _ folder: String, _ temporary: String?) throws(Errno) {
        let name = if let temporary { temporary } else { try Self.temporaryName(in: folder, system) }
        if temporary == nil { try system.nameFile(descriptor.rawValue, name) }
        do { try system.renameFile(name, to: path) } catch {
            try? system.removeFile(name)
            throw error
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, _ timeoutMilliseconds: UInt32?) throws(Errno) {
        switch target {
        case .content: try system.setSize(descriptor.rawValue, 0)
        case .replacement: break
        case .stream:
            guard let timeoutMilliseconds else { break }
            return try NonBlockingOutput(descriptor.rawValue, of: system).write(bytes, within: timeoutMilliseconds)
        }
        try FileOutput.write(bytes, to: descriptor.rawValue, of: system)
    }

    /// Removes the temporary file when there was no content after all. `finish` has renamed it.
    private func removeTemporary() {
        if case .replacement(_, _, let temporary?) = target { try? system.removeFile(temporary) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// A file whose content is known only later. It is opened at once, so that what stands in the way of writing it shows
/// before the work that the content is the result of.
///
/// A regular file keeps its old content until `finish` puts the new one in its place in one step. Where that can't be
/// done, as in a folder that this user may not write to, and for a FIFO, a terminal or `/dev/null`, `finish` writes
/// into the file itself.
public final class OutputFile: Sendable {
    private enum Target: Sendable {
        /// A file without a name, or with the temporary one, that takes the place of the one at `path`.
        case replacement(path: String, folder: String, temporary: String?)
        /// The regular file itself.
        case content
        /// The file itself, from where its descriptor is.
        case stream
    }

    private let descriptor: OwnedDescriptor
    private let target: Target

    /// - Throws: `FileError`: `.wrongKind` for a directory, a socket or a block device, `.noPartner` for a FIFO that
    ///   nobody reads.
    public convenience init(_ path: String) throws(FileError) { try self.init(path, isUnnamed: true) }

    /// - Parameter isUnnamed: false as on a file system that has no files without a name.
    init(_ path: String, isUnnamed: Bool) throws(FileError) {
        let (raw, target) = try Self.open(path, isUnnamed)
        descriptor = OwnedDescriptor(adopting: raw, of: LinuxKernel())
        self.target = target
    }

    deinit { removeTemporary() }

    private static func open(_ path: String, _ isUnnamed: Bool) throws(FileError) -> (CInt, Target) {
        if let number = descriptorNumber(path) {
            // Opened again, a file would be written from its start.
            do { return (try retrying { clinux_duplicate(number) }, .stream) } catch { throw .failed(error) }
        }
        let kernel = LinuxKernel()
        let existing = clinux_open(path, CInt(CLINUX_OPEN_WRITE | CLINUX_OPEN_NONBLOCKING))
        if existing < 0 {
            let errno = Errno(rawValue: -existing)
            guard errno == .noSuchFileOrDirectory else { throw refusal(path, errno, kernel) }
            do { return try replacement(of: path, isUnnamed) } catch { throw .failed(error) }
        }
        let kind = try? kernel.fileStatus(existing).kind
        switch kind {
        case .regular:
            // Links are followed, and stay.
            let path = (try? kernel.readLink("/proc/self/fd/\(existing)")) ?? path
            guard let (new, target) = try? replacement(of: path, isUnnamed) else { return (existing, .content) }
            var (mode, size): (UInt32, UInt64) = (0, 0)
            if clinux_file_status(existing, &mode, &size) == 0 { _ = clinux_change_mode(new, mode) }
            kernel.close(existing)
            return (new, target)
        case .fifo, .characterDevice: return (existing, .stream)
        case .directory, .socket, .blockDevice, .unknown, nil:
            kernel.close(existing)
            throw .wrongKind(kind ?? .unknown)
        }
    }

    /// Why an existing file can't be opened for writing.
    private static func refusal(_ path: String, _ errno: Errno, _ kernel: LinuxKernel) -> FileError {
        switch try? kernel.fileKind(path) {
        case .directory: .wrongKind(.directory)
        case .socket: .wrongKind(.socket)
        case .fifo where errno == .noSuchAddressOrDevice: .noPartner(isReader: true)
        default: .failed(errno)
        }
    }

    /// The number of a descriptor of this process that a path stands for.
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

    private static func replacement(of path: String, _ isUnnamed: Bool) throws(Errno) -> (CInt, Target) {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        // "" and "." are no names of a file.
        guard !name.isEmpty else { throw .noSuchFileOrDirectory }
        let folder = name.utf8.count == path.utf8.count ? "." : String(path.dropLast(name.count))
        if isUnnamed {
            do {
                let new = try retrying { clinux_create_unnamed(folder) }
                return (new, .replacement(path: path, folder: folder, temporary: nil))
            } catch {
                guard error == .notSupported || error == .isDirectory || error == .invalidArgument else {
                    throw error
                }
            }
        }
        let temporary = try temporaryName(in: folder)
        let new = try retrying { clinux_create_new(temporary) }
        return (new, .replacement(path: path, folder: folder, temporary: temporary))
    }

    private static func temporaryName(in folder: String) throws(Errno) -> String {
        var number: UInt64 = 0
        // Safety: getrandom writes the eight bytes of the number.
        try retrying { clinux_get_random(&number, MemoryLayout<UInt64>.size) }
        return "\(folder)/.martlet-\(String(number, radix: 16))"
    }

    /// Writes the content. Call it once.
    /// - Parameter timeoutMilliseconds: how long the reader of a FIFO or a terminal is waited for; nil for any time.
    /// - Throws: what write(2), linkat(2) and rename(2) give, ETIMEDOUT when the reader took too long.
    public func finish(_ bytes: [UInt8], timeoutMilliseconds: UInt32? = nil) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            do throws(Errno) { try write(buffer, timeoutMilliseconds) } catch { failure = error }
        }
        if let failure { throw failure }
        guard case .replacement(let path, let folder, let temporary) = target else { return }
        // A file that is mounted by itself, as into a container, can't be replaced.
        do { try replace(path, folder, temporary) } catch { try FileOutput.replace(path, with: bytes) }
    }

    private func replace(_ path: String, _ folder: String, _ temporary: String?) throws(Errno) {
        let name = if let temporary { temporary } else { try Self.temporaryName(in: folder) }
        if temporary == nil { try retrying { clinux_name_unnamed(descriptor.rawValue, name) } }
        do { try retrying { clinux_rename(name, path) } } catch {
            _ = clinux_unlink(name)
            throw error
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, _ timeoutMilliseconds: UInt32?) throws(Errno) {
        switch target {
        case .content: try retrying { clinux_ftruncate(descriptor.rawValue, 0) }
        case .replacement: break
        case .stream:
            guard let timeoutMilliseconds else { break }
            return try NonBlockingOutput(descriptor.rawValue).write(bytes, within: timeoutMilliseconds)
        }
        try FileOutput.write(bytes, to: descriptor.rawValue)
    }

    /// What is left when there is no content after all. After `finish` the name is gone.
    private func removeTemporary() {
        if case .replacement(_, _, let temporary?) = target { _ = clinux_unlink(temporary) }
    }
}

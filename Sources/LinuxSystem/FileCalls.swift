// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

/// The calls that change files: switches in sysfs, and Martlet's own notes. Apart from `SystemCalls`, since nothing that runs a
/// guest makes them.
public protocol FileCalls: SystemCalls {
    /// Writes `content` to a file that exists in one write(2), which is how sysfs takes a command.
    /// - Throws: what open(2) and write(2) give, which for sysfs is the answer of the kernel or of a driver; EIO when part of it
    ///   was taken.
    func writeFile(_ path: String, _ content: [UInt8]) throws(Errno)
    /// Makes a file with this content, or replaces that of the one which is there.
    func createFile(_ path: String, _ content: [UInt8]) throws(Errno)
    /// Makes a folder, in a folder that exists; one that is there already is fine.
    func createDirectory(_ path: String) throws(Errno)
    func removeFile(_ path: String) throws(Errno)
}

extension LinuxKernel: FileCalls {
    public func writeFile(_ path: String, _ content: [UInt8]) throws(Errno) {
        let descriptor = OwnedDescriptor(adopting: try open(path, .writeOnly), of: self)
        // Safety: write reads content.count bytes, the length of the array that is passed.
        let count = try retrying { clinux_write(descriptor.rawValue, content, content.count) }
        guard count == content.count else { throw .ioError }
    }

    public func createFile(_ path: String, _ content: [UInt8]) throws(Errno) {
        try FileOutput.replace(path, with: content)
    }

    public func createDirectory(_ path: String) throws(Errno) {
        do { try retrying { clinux_make_directory(path) } } catch .fileExists {}
    }

    public func removeFile(_ path: String) throws(Errno) { try retrying { clinux_unlink(path) } }
}

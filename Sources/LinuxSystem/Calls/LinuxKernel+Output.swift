// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel {
    public func create(_ path: String, _ creation: FileCreation) throws(Errno) -> CInt {
        switch creation {
        case .existing: try open(path, CInt(CLINUX_OPEN_WRITE | CLINUX_OPEN_NONBLOCKING))
        case .replaced: try retrying { clinux_create(path) }
        case .new: try retrying { clinux_create_new(path) }
        case .unnamed: try retrying { clinux_create_unnamed(path) }
        }
    }

    public func nameFile(_ descriptor: CInt, _ path: String) throws(Errno) {
        try retrying { clinux_name_unnamed(descriptor, path) }
    }

    public func renameFile(_ path: String, to newPath: String) throws(Errno) {
        try retrying { clinux_rename(path, newPath) }
    }

    public func removeFile(_ path: String) throws(Errno) { try retrying { clinux_unlink(path) } }

    public func setSize(_ descriptor: CInt, _ size: UInt64) throws(Errno) {
        guard let length = off_t(exactly: size) else { throw .invalidArgument }
        try retrying { clinux_ftruncate(descriptor, length) }
    }

    public func setMode(_ descriptor: CInt, _ mode: UInt32) throws(Errno) {
        try retrying { clinux_set_mode(descriptor, mode) }
    }

    public func fileMode(_ descriptor: CInt) throws(Errno) -> UInt32 { try modeAndSize(of: descriptor).mode }
}

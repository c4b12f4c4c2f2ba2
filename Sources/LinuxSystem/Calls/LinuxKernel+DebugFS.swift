// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import SystemPackage

// The protocol documents each call.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel: DebugFSCalls {
    public func readDebugFS(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        // A mount without a path is reached only through its descriptor.
        let root = OwnedDescriptor(adopting: try retrying { clinux_open_debugfs() }, of: self)
        return try readFile("/proc/self/fd/\(root.rawValue)/\(path)", limit: limit)
    }
}

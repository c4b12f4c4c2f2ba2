// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Reads debugfs where it isn't mounted. Apart from `SystemCalls`: it is done before a guest runs, and only for a
/// device of which the host has noted something.
public protocol DebugFSCalls: SystemCalls {
    /// Reads a file of debugfs, which is mounted for that alone and in no place.
    /// - Parameters:
    ///   - path: below the file system's root: "clk/clk_summary".
    ///   - limit: in bytes; EFBIG for a file that is longer.
    /// - Throws: EPERM without CAP_SYS_ADMIN or on a locked-down kernel, ENODEV where the kernel has no debugfs, ENOSYS
    ///   before Linux 5.2, and what open(2) and read(2) give.
    /// - SeeAlso: fsopen(2), fsmount(2)
    func readDebugFS(_ path: String, limit: Int) throws(Errno) -> [UInt8]
}

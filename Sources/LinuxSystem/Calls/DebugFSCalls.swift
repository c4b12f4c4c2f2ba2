// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Reads debugfs even where it isn't mounted.
///
/// Apart from `SystemCalls`: it is read only before a guest runs, and only for a device of which `bind` has noted
/// something.
public protocol DebugFSCalls: SystemCalls {
    /// Reads a file of debugfs, which is mounted only for this call and at no path.
    /// - Parameters:
    ///   - path: below the file system's root: "clk/clk_summary".
    ///   - limit: in bytes; EFBIG for a file that is longer.
    /// - Throws: EPERM without CAP_SYS_ADMIN or on a locked-down kernel, ENODEV on a kernel without debugfs, ENOSYS
    ///   before Linux 5.2, and the errors of open(2) and read(2).
    /// - SeeAlso: fsopen(2), fsmount(2)
    func readDebugFS(_ path: String, limit: Int) throws(Errno) -> [UInt8]
}

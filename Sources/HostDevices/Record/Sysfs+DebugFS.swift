// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

extension Sysfs {
    /// Reads a file of debugfs, where it is mounted or else through `debugFS`.
    /// - Parameters:
    ///   - path: below the file system's root: "clk/clk_summary".
    ///   - limit: in bytes; EFBIG for a longer file.
    ///   - debugFS: nil for a host on which only a mounted one may be read.
    /// - Throws: what open(2) and read(2) give, and what `debugFS` throws.
    func readDebugFS(_ path: String, limit: Int, unmounted debugFS: (any DebugFSCalls)?) throws(Errno) -> [UInt8] {
        do throws(Errno) {
            return try system.readFile("\(root)/kernel/debug/\(path)", limit: limit)
        } catch .noSuchFileOrDirectory {
            guard let debugFS else { throw .noSuchFileOrDirectory }
            return try debugFS.readDebugFS(path, limit: limit)
        }
    }
}

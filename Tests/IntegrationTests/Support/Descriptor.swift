// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import LinuxSystem

/// A file descriptor that is closed when its last user releases it.
final class Descriptor {
    let rawValue: CInt

    /// - Parameter result: a descriptor, or -errno.
    /// - Throws: the errno.
    init(_ result: CInt) throws {
        if result < 0 { throw Errno(rawValue: -result) }
        rawValue = result
    }

    /// Opens a file.
    convenience init(_ path: String, _ flags: CInt) throws { try self.init(clinux_open(path, flags)) }

    deinit { _ = clinux_close(rawValue) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import Glibc

/// The messages of the host's kernel from the creation of this object on.
final class KernelLog {
    private let descriptor: Descriptor

    init() throws { descriptor = try Descriptor(clinux_kernel_log()) }

    /// The messages that a healthy kernel doesn't write.
    func complaints() -> [String] {
        let signs = ["WARNING:", "BUG:", "Oops", "Call trace", "refcount_t", "Internal error"]
        return messages().filter { message in signs.contains { message.contains($0) } }
    }

    /// The messages since the last call.
    func messages() -> [String] {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = clinux_read(descriptor.rawValue, &buffer, 8192)
            // EPIPE: the log's oldest messages were overwritten before they were read; the next read continues after
            // them.
            if count == -Int(EPIPE) { continue }
            guard count > 0 else { return messages }
            messages.append(String(decoding: buffer.prefix(count), as: UTF8.self))
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import Glibc

/// A page of the host's memory: its content and its address.
final class HostPage {
    static let size = Host.pageSize

    private let memory: UnsafeMutableRawPointer
    /// Its physical address.
    let address: UInt64

    /// A pinned page of this process, full of random bytes.
    /// - Parameter excluded: the addresses at which it must not be.
    init(outside excluded: Range<UInt64>) throws {
        // A page inside is kept until one outside is found.
        var inside: [UnsafeMutableRawPointer] = []
        defer { for page in inside { munmap(page, Self.size) } }
        while true {
            guard let page = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                page != MAP_FAILED, inside.count < 100_000
            else { throw TestError("no page outside \(excluded)") }
            let bytes = UnsafeMutableRawBufferPointer(start: page, count: Self.size)
            for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255) }
            let address = try Self.physicalAddress(of: UInt(bitPattern: page), in: "self")
            if mlock(page, Self.size) == 0, !excluded.contains(address) {
                memory = page
                self.address = address
                return
            }
            inside.append(page)
        }
    }

    deinit { munmap(memory, Self.size) }

    var bytes: [UInt8] { [UInt8](UnsafeRawBufferPointer(start: memory, count: Self.size)) }

    /// The physical address of a page of a process. (Documentation/admin-guide/mm/pagemap.rst)
    static func physicalAddress(of address: UInt, in process: String) throws -> UInt64 {
        let map = try Descriptor("/proc/\(process)/pagemap", O_RDONLY)
        var entry: UInt64 = 0
        let count = pread(map.rawValue, &entry, 8, off_t(address / UInt(size) * 8))
        guard count == 8, entry >> 63 == 1, entry << 9 != 0 else { throw TestError("page \(address) is not present") }
        return (entry & (1 << 55 - 1)) * UInt64(size)
    }
}

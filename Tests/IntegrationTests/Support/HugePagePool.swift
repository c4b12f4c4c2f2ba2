// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import Glibc
import Testing

/// The host's pool of huge pages of 2 MiB. It is empty except while a test has this object.
final class HugePagePool {
    static let pageSize = 2 << 20
    private static let folder = "/sys/kernel/mm/hugepages/hugepages-2048kB"

    let count: Int
    /// A file with the pages that are held.
    private var held: Descriptor?

    /// Fills the pool with `count` pages.
    convenience init(_ count: Int) throws {
        try self.init(atMost: count)
        guard self.count == count else { throw TestError("the host has \(self.count) huge pages, not \(count)") }
    }

    /// Fills the pool with all of the host's free memory except `left` MiB, as far as it is in whole pieces.
    convenience init(leavingMebibytes left: Int) throws {
        try Host.write("3", to: "/proc/sys/vm/drop_caches")
        let line = Host.text("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemFree:") }
        let free = try #require(line?.split { !$0.isNumber }.first.flatMap { Int($0) })
        try self.init(atMost: (free / 1024 - left) / 2)
    }

    private init(atMost count: Int) throws {
        // There are more whole pieces of memory after the kernel has dropped its caches.
        try Host.write("3", to: "/proc/sys/vm/drop_caches")
        try Host.write("1", to: "/proc/sys/vm/compact_memory")
        try Host.write("\(count)", to: "\(Self.folder)/nr_hugepages")
        self.count = Self.number("nr_hugepages")
    }

    deinit {
        held = nil
        try? Host.write("0", to: "\(Self.folder)/nr_hugepages")
    }

    /// Releases the held pages, and shrinks the pool to `count` pages, as far as they are free.
    func shrink(to count: Int) throws {
        held = nil
        try Host.write("\(count)", to: "\(Self.folder)/nr_hugepages")
    }

    /// How many pages are free and not reserved.
    static var free: Int { number("free_hugepages") - number("resv_hugepages") }

    private static func number(_ name: String) -> Int { Int(Host.text("\(folder)/\(name)")) ?? -1 }

    /// Waits until `count` pages are free: after a process was killed, the kernel frees them a little later.
    static func waitUntilFree(_ count: Int) -> Bool {
        for _ in 0..<200 where free != count { usleep(20_000) }
        return free == count
    }

    /// Takes all pages, and frees those that `isFree` selects: by their place in ascending order of their physical
    /// addresses, and by their place in the pool's order.
    func hold(except isFree: (_ place: Int, _ age: Int) -> Bool) throws {
        let size = count * Self.pageSize
        let memory = try Descriptor(clinux_memfd_create_huge("pool", 21))
        try #require(ftruncate(memory.rawValue, off_t(size)) == 0)
        guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory.rawValue, 0),
            base != MAP_FAILED
        else { throw TestError("no mapping of huge pages") }
        defer { munmap(base, size) }
        held = memory
        var pages: [(address: UInt64, offset: Int)] = []
        for offset in stride(from: 0, to: size, by: Self.pageSize) {
            pages.append((try HostPage.physicalAddress(of: UInt(bitPattern: base + offset), in: "self"), offset))
        }
        pages.sort { $0.address < $1.address }
        for (place, page) in pages.enumerated() where isFree(place, page.offset / Self.pageSize) {
            try #require(madvise(base + page.offset, Self.pageSize, MADV_REMOVE) == 0)
        }
    }
}

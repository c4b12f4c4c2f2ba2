// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import Glibc
import Testing

/// The host's pool of huge pages of 2 MiB, which is empty but while a test has this.
final class HugePagePool {
    static let pageSize = 2 << 20
    private static let folder = "/sys/kernel/mm/hugepages/hugepages-2048kB"

    let count: Int
    /// A file that has the pages which are held.
    private var held: Descriptor?

    /// Fills it.
    convenience init(_ count: Int) throws {
        try self.init(atMost: count)
        guard self.count == count else { throw TestError("the host has \(self.count) huge pages, not \(count)") }
    }

    /// Fills it with all of the host's free memory but so much, or with what of that is whole.
    convenience init(leavingMebibytes left: Int) throws {
        try Host.write("3", to: "/proc/sys/vm/drop_caches")
        let line = Host.text("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemFree:") }
        let free = try #require(line?.split { !$0.isNumber }.first.flatMap { Int($0) })
        try self.init(atMost: (free / 1024 - left) / 2)
    }

    private init(atMost count: Int) throws {
        // Whole pieces of memory are easier to come by without the pages that the kernel keeps just in case.
        try Host.write("3", to: "/proc/sys/vm/drop_caches")
        try Host.write("1", to: "/proc/sys/vm/compact_memory")
        try Host.write("\(count)", to: "\(Self.folder)/nr_hugepages")
        self.count = Self.number("nr_hugepages")
    }

    deinit {
        held = nil
        try? Host.write("0", to: "\(Self.folder)/nr_hugepages")
    }

    /// Gives back what is held, and what nobody has, down to so many.
    func shrink(to count: Int) throws {
        held = nil
        try Host.write("\(count)", to: "\(Self.folder)/nr_hugepages")
    }

    /// How many pages nobody has, and nobody has been promised.
    static var free: Int { number("free_hugepages") - number("resv_hugepages") }

    private static func number(_ name: String) -> Int { Int(Host.text("\(folder)/\(name)")) ?? -1 }

    /// Waits until `count` pages are free: the kernel gives them back a while after a process was killed.
    static func waitUntilFree(_ count: Int) -> Bool {
        for _ in 0..<200 where free != count { usleep(20_000) }
        return free == count
    }

    /// Takes all pages and gives back those that `isFree` says: of their places in ascending order of their physical
    /// addresses, and of their places in the order in which the pool has them.
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
public import SystemPackage

/// Why there is no memory that stays at known host-physical addresses.
public enum PhysicalMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kernel has no huge pages of this many bytes.
    case noSuchPages(size: UInt64)
    /// The pool of huge pages is too small; `total` is nil when sysfs doesn't have it.
    case tooFewPages(size: UInt64, wanted: UInt64, free: UInt64, total: UInt64?)
    /// This process's control group doesn't allow as many huge pages; in bytes.
    case controlGroup(size: UInt64, wanted: UInt64, ControlGroups.Limit)
    /// The memory's size is not a multiple of the page size.
    case notWholePages(size: UInt64)
    /// There is no such heap; `others` are those that exist.
    case noSuchHeap(String, others: [String])
    /// The heap can't provide that much at the moment.
    case heapIsFull(String, size: UInt64)
    /// /proc/self/pagemap shows no addresses to this process.
    case addressesHidden
    /// A page that was just touched isn't in memory.
    case notPresent
    /// The physical address of a heap's memory can't be found.
    case heapAddress(String, reason: String)
    /// A system call, by name.
    case call(String, Errno)

    /// What failed, on what, why, and what to do.
    public var description: String {
        switch self {
        case .noSuchPages(let size): "the kernel has no \(Self.text(size)) pages (CONFIG_HUGETLBFS)"
        case .tooFewPages(let size, let wanted, let free, _):
            "RAM needs \(wanted) \(wanted == 1 ? "page" : "pages") of \(Self.text(size)), "
                + "and the host has \(free) free "
                + "(\(Self.folder(size))/free_hugepages)"
        case .controlGroup(let size, let wanted, let limit):
            "RAM needs \(wanted >> 20) MiB of \(Self.text(size)) pages, and the control group of this process allows "
                + "\(limit.bytes >> 20) MiB (\(limit.path))"
        case .notWholePages(let size): "the guest's RAM is not a multiple of \(Self.text(size))"
        case .noSuchHeap(let name, let others):
            others.isEmpty
                ? "/dev/dma_heap/\(name) doesn't exist"
                : "/dev/dma_heap/\(name) doesn't exist; this host has \(others.joined(separator: ", "))"
        case .heapIsFull(let name, let size):
            "the heap \(name) has no free block of \(size >> 20) MiB"
        case .addressesHidden:
            "/proc/self/pagemap hides physical addresses from this process, which lacks CAP_SYS_ADMIN"
        case .notPresent: "/proc/self/pagemap reports that a page is not in memory"
        case .heapAddress(let name, let reason):
            "the physical address of memory from the heap \(name) is unknown: since Linux 6.9 /proc/self/pagemap "
                + "doesn't show it, and \(reason)"
        case .call(let name, let errno): "\(name): \(errno.nameAndText)"
        }
    }

    /// What to do about it; nil when `description` already says it.
    public var remedy: String? {
        switch self {
        case .tooFewPages(let size, let wanted, let free, let total):
            "run: echo \((total ?? 0) + (wanted > free ? wanted - free : 0)) > \(Self.folder(size))/nr_hugepages\n"
                + "or, if the host's memory is too fragmented, boot the host with: "
                + "hugepagesz=\(size >> 30 > 0 ? "\(size >> 30)G" : "\(size >> 20)M") hugepages=\(max(wanted, total ?? 0))"
        case .controlGroup(_, let wanted, let limit): "run: echo \(wanted) > \(limit.path)"
        case .addressesHidden: "run martlet as root, or give the program CAP_SYS_ADMIN"
        case .noSuchHeap, .heapIsFull: "boot the host with cma=SIZE, at least the guest's RAM (CONFIG_DMABUF_HEAPS_CMA)"
        case .heapAddress: "use huge pages, or run martlet as root on a kernel with CONFIG_PROC_KCORE"
        case .call(_, let errno): errno.remedy.isEmpty ? nil : errno.remedy.joined(separator: "\n")
        case .noSuchPages, .notWholePages, .notPresent: nil
        }
    }

    static func folder(_ size: UInt64) -> String { "/sys/kernel/mm/hugepages/hugepages-\(size >> 10)kB" }
    static func text(_ size: UInt64) -> String {
        size >> 30 > 0 ? "\(size >> 30) GiB" : "\(size >> 20) MiB"
    }

    /// Adds the name of the call to an errno, for `mapError`.
    static func call(_ name: String) -> (Errno) -> PhysicalMemoryError { { .call(name, $0) } }
}

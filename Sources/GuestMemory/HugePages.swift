// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import SystemPackage

/// Memory that consists of pages from the kernel's pool of huge pages.
///
/// - SeeAlso: Linux, Documentation/admin-guide/mm/hugetlbpage.rst
public enum HugePages {
    /// Creates a memfd of `size` bytes of huge pages, none of which is allocated yet.
    /// - Parameter pageSize: in bytes, a power of two.
    /// - Throws: `PhysicalMemoryError.noSuchPages`, `.notWholePages`, `.controlGroup`, `.call`.
    public static func file(
        _ name: String, size: UInt64, pageSize: UInt64, system: any SystemCalls
    ) throws(PhysicalMemoryError) -> OwnedDescriptor {
        guard pageSize.nonzeroBitCount == 1, size.isMultiple(of: pageSize) else {
            throw .notWholePages(size: pageSize)
        }
        try checkControlGroups(size, pageSize, system)
        do throws(Errno) {
            return OwnedDescriptor(
                adopting: try system.createMemory(name: name, size: size, hugePageSize: pageSize), of: system)
        } catch {
            switch error {
            case .operationNotSupportedByDevice, .invalidArgument, .noFunction, .noSuchFileOrDirectory:
                throw .noSuchPages(size: pageSize)
            default: throw .call("memfd_create(MFD_HUGETLB)", error)
            }
        }
    }

    /// Checks the limits first: above a control group's limit, touching a page ends the process (SIGBUS).
    private static func checkControlGroups(
        _ size: UInt64, _ pageSize: UInt64, _ system: any SystemCalls
    ) throws(PhysicalMemoryError) {
        let low: ControlGroups.Limit?
        do throws(Errno) {
            let groups = try ControlGroups(system)
            var limits = [try groups.limit(of: .hugePages(size: pageSize))]
            if try groups.countHugePagesAsMemory() { limits.append(try groups.limit(of: .memory)) }
            low = limits.compactMap { $0 }.first { size > $0.bytes }
        } catch { throw .call("reading the limits of control groups", error) }
        if let low { throw .controlGroup(size: pageSize, wanted: size, low) }
    }

    /// Maps all of such a file; the kernel reserves its pages from the pool.
    /// - Parameter isPopulated: whether all pages are allocated at once, or only when they are touched.
    /// - Throws: `PhysicalMemoryError.tooFewPages`, `.call`.
    public static func map(
        _ file: CInt, size: UInt64, pageSize: UInt64, isPopulated: Bool, system: any SystemCalls
    ) throws(PhysicalMemoryError) -> MemoryMapping {
        do throws(Errno) {
            return isPopulated
                ? try MemoryMapping(of: file, parts: [0..<size], alignment: pageSize, system: system)
                : try MemoryMapping(of: file, size: size, system: system)
        } catch .noMemory {
            // The pages are reserved by mmap (mm/hugetlb.c, hugetlb_reserve_pages).
            throw tooFew(size / pageSize, pageSize, system)
        } catch { throw .call("mmap", error) }
    }

    private static func tooFew(
        _ wanted: UInt64, _ pageSize: UInt64, _ system: any SystemCalls
    ) -> PhysicalMemoryError {
        let folder = Sysfs(root: PhysicalMemoryError.folder(pageSize), system: system)
        func count(_ name: String) -> UInt64? { (try? folder.text(name)).flatMap { UInt64($0) } }
        let (free, reserved) = (count("free_hugepages") ?? 0, count("resv_hugepages") ?? 0)
        return .tooFewPages(
            size: pageSize, wanted: wanted, free: free > reserved ? free - reserved : 0, total: count("nr_hugepages"))
    }
}

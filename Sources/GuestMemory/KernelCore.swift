// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import SystemPackage

/// /proc/kcore, the kernel's memory as an ELF core file. It is searched for marks to find the place of a heap's
/// contiguous memory: from Linux 6.9 on no interface shows it (drivers/dma-buf/heaps/cma_heap.c maps bare page frames,
/// which pagemap omits).
struct KernelCore: ~Copyable {
    /// A range of RAM in the file.
    struct Segment: Equatable {
        /// The first byte's physical address.
        let address: UInt64
        /// In bytes.
        let size: UInt64
        /// The offset in the file.
        let offset: UInt64
    }

    /// Elf64_Phdr, in bytes.
    private static let entrySize = 56

    private let file: OwnedDescriptor
    private let system: any SystemCalls
    private let segments: [Segment]

    /// Finds the first address of the contiguous memory with these marks; every page is checked.
    /// - Throws: `PhysicalMemoryError.heapAddress`.
    static func find(
        _ marks: PageMarks, heap: String, system: any SystemCalls
    ) throws(PhysicalMemoryError) -> UInt64 {
        do throws(Errno) {
            let core = try KernelCore(system: system)
            // CMA aligns large allocations to CONFIG_CMA_ALIGNMENT, 1 MiB by default.
            for step in [1 << 20, MemoryMapping.pageSize] {
                if let address = try core.first(marks[0], step: step), try core.holds(marks, at: address) {
                    return address
                }
            }
        } catch {
            if !error.remedy.isEmpty { throw .call("open /proc/kcore", error) }
            throw .heapAddress(heap, reason: "/proc/kcore: \(error.nameAndText)")
        }
        throw .heapAddress(heap, reason: "/proc/kcore doesn't have it in one piece")
    }

    private init(system: any SystemCalls) throws(Errno) {
        let file = OwnedDescriptor(adopting: try system.open("/proc/kcore", .readOnly), of: system)
        let header = try Self.read(64, at: 0, file, system)
        // The ELF header (System V ABI, ELF-64): e_phoff, e_phentsize, e_phnum.
        let (table, entrySize, count) = (header.number(32, 8), header.number(54, 2), header.number(56, 2))
        guard header.starts(with: [0x7F, 0x45, 0x4C, 0x46]), entrySize == UInt64(Self.entrySize) else {
            throw .invalidArgument
        }
        segments = Self.segments(try Self.read(Self.entrySize * Int(count), at: table, file, system))
        self.file = file
        self.system = system
    }

    /// The PT_LOAD entries that have a physical address.
    static func segments(_ table: [UInt8]) -> [Segment] {
        stride(from: 0, through: table.count - entrySize, by: entrySize).compactMap { start in
            let entry = Array(table[start..<start + entrySize])
            let address = entry.number(24, 8)
            guard entry.number(0, 4) == 1, address != .max else { return nil }
            return Segment(address: address, size: entry.number(32, 8), offset: entry.number(8, 8))
        }
    }

    /// The first multiple of `step` at which `mark` is.
    private func first(_ mark: [UInt8], step: UInt64) throws(Errno) -> UInt64? {
        for segment in segments {
            let (end, overflow) = segment.address.addingReportingOverflow(segment.size)
            guard !overflow, segment.address <= .max - step else { continue }
            var address = (segment.address + step - 1) / step * step
            while address < end, end - address >= UInt64(PageMarks.size) {
                if try read(at: address, of: segment) == mark { return address }
                let (next, overflow) = address.addingReportingOverflow(step)
                if overflow { break }
                address = next
            }
        }
        return nil
    }

    private func holds(_ marks: PageMarks, at address: UInt64) throws(Errno) -> Bool {
        guard let segment = segments.first(where: { $0.address <= address && address - $0.address < $0.size }) else {
            return false
        }
        for index in 0..<marks.count {
            let (page, overflow) = address.addingReportingOverflow(index * MemoryMapping.pageSize)
            guard !overflow, page - segment.address < segment.size, try read(at: page, of: segment) == marks[index]
            else { return false }
        }
        return true
    }

    private func read(at address: UInt64, of segment: Segment) throws(Errno) -> [UInt8] {
        let (offset, overflow) = segment.offset.addingReportingOverflow(address - segment.address)
        if overflow { throw .invalidArgument }
        return try Self.read(PageMarks.size, at: offset, file, system)
    }

    private static func read(
        _ count: Int, at offset: UInt64, _ file: borrowing OwnedDescriptor, _ system: any SystemCalls
    ) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: Errno?
        var done = 0
        let descriptor = file.rawValue
        bytes.withUnsafeMutableBytes { buffer in
            // Safety: the buffer is the array's own, and valid for the whole closure.
            do throws(Errno) { done = try system.pread(descriptor, buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
        guard done == count else { throw .ioError }
        return bytes
    }
}

extension [UInt8] {
    /// The little-endian number of `count` bytes at `offset`, which must be in the array.
    fileprivate func number(_ offset: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64($1 * 8) }
    }
}

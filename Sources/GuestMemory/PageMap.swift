// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
public import SystemPackage

/// The physical addresses of this process's pages.
///
/// - SeeAlso: Linux, Documentation/admin-guide/mm/pagemap.rst
public final class PageMap: Sendable {
    /// The kernel's entry for a page.
    public struct Entry: Equatable, Sendable {
        private let rawValue: UInt64

        init(_ rawValue: UInt64) { self.rawValue = rawValue }

        /// Whether it is in memory: bit 63.
        public var isPresent: Bool { rawValue >> 63 == 1 }
        /// The number of its page frame: bits 54:0. 0 for a reader that may not see it.
        public var frame: UInt64 { rawValue & (1 << 55 - 1) }
    }

    private let file: OwnedDescriptor
    private let system: any SystemCalls

    /// - Throws: the errors of opening /proc/self/pagemap: ENOENT for a kernel without CONFIG_PROC_PAGE_MONITOR.
    public init(system: any SystemCalls) throws(Errno) {
        file = OwnedDescriptor(adopting: try system.open("/proc/self/pagemap", .readOnly), of: system)
        self.system = system
    }

    /// Closes it now. Call it after the last use.
    func close() { file.close() }

    /// The physical addresses of pieces of memory.
    /// - Parameters:
    ///   - granule: the distance between two addresses in bytes, a multiple of the page size.
    /// - Throws: `PhysicalMemoryError.call`, `.notPresent`, `.addressesHidden`.
    public func physicalAddresses(
        of mapping: MemoryMapping, granule: UInt64
    ) throws(PhysicalMemoryError) -> [UInt64] {
        let pageSize = MemoryMapping.pageSize
        // One call reads the entries of neighbours; those of huge pages are far apart.
        let entriesAtOnce = granule == pageSize ? 4096 : 1
        var addresses: [UInt64] = []
        var offset: UInt64 = 0
        while offset < mapping.size {
            let left = (mapping.size - offset + granule - 1) / granule
            let count = min(Int(clamping: left), entriesAtOnce)
            let entries = try mapError(
                PhysicalMemoryError.call("read /proc/self/pagemap"),
                try self.entries(from: mapping.address + UInt(offset), count: count))
            for entry in entries {
                guard entry.isPresent else { throw .notPresent }
                guard entry.frame != 0 else { throw .addressesHidden }
                // Arm has physical addresses of at most 52 bits (Arm ARM, DDI 0487, D8.1), so the product fits.
                addresses.append(entry.frame &* pageSize)
            }
            offset += UInt64(count) * granule
        }
        return addresses
    }

    private func entries(from address: UInt, count: Int) throws(Errno) -> [Entry] {
        var values = [UInt64](repeating: 0, count: count)
        let (descriptor, position) = (file.rawValue, UInt64(address) / MemoryMapping.pageSize * 8)
        var failure: Errno?
        var byteCount = 0
        values.withUnsafeMutableBytes { bytes in
            // Safety: the buffer is the array's own, and valid for the whole closure.
            do throws(Errno) { byteCount = try system.pread(descriptor, bytes, at: position) } catch { failure = error }
        }
        if let failure { throw failure }
        guard byteCount == count * 8 else { throw .ioError }
        return values.map(Entry.init)
    }
}

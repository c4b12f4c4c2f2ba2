// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
public import SystemPackage

/// Memory that stays at known host-physical addresses.
///
/// It has a bank for each of its pieces, each of them contiguous in this process, too. All of it is zero at first.
///
/// Ownership: immutable except for its content, which belongs to the code that runs the guest. The memory is freed when
/// this object and the last user of its mappings are released.
///
/// A heap's memory can't move, because it belongs to the kernel. Huge pages are neither swapped nor compacted. But the
/// kernel moves them to make room for other contiguous memory, away from memory that is removed or found bad, and by
/// move_pages(2). A long-term pin forbids that. Without a device of a driver, only the registered buffers of io_uring
/// give one. Without io_uring the pages are held but not pinned, and `firstMoved` detects a move.
public final class PhysicalMemory: Sendable {
    /// Where the memory comes from.
    public enum Source: Equatable, Sendable, CustomStringConvertible {
        /// The pool of huge pages of this many bytes.
        case hugePages(size: UInt64)
        /// The heap of this name below /dev/dma_heap.
        case heap(String)

        /// The source as messages name it.
        public var description: String {
            switch self {
            case .hugePages(let size): "\(PhysicalMemoryError.text(size)) pages"
            case .heap(let name): "heap \(name)"
            }
        }
    }

    /// A contiguous piece of the memory.
    public struct Bank: Sendable {
        /// Its first byte's physical address.
        public let address: UInt64
        /// The mapping of the piece in this process.
        public let mapping: MemoryMapping
    }

    /// Where it was allocated from.
    public let source: Source
    /// In ascending order, free of overlaps. Empty after `close`.
    public var banks: [Bank] { list.all }
    /// Why it isn't pinned; nil for memory that is pinned, or is the kernel's own.
    public let pinFailure: Errno?
    /// The distance of the addresses that are looked up in pagemap, in bytes; nil for memory that it doesn't show.
    private let granule: UInt64?
    private let list: OwnedList<Bank>
    private let pin: Share<Pin>
    private let map: PageMap

    private final class Pin: Sendable {
        private let descriptor: CInt
        private let system: any SystemCalls

        init(_ mapping: MemoryMapping, system: any SystemCalls) throws(Errno) {
            descriptor = try system.pin(address: mapping.address, size: mapping.size)
            self.system = system
        }

        deinit { system.unpin(descriptor) }
    }

    /// The size in bytes.
    public var size: UInt64 { banks.reduce(0) { $0 + $1.mapping.size } }

    /// Allocates `size` bytes from `source`.
    /// - Throws: `PhysicalMemoryError`; nothing stays allocated then.
    public convenience init(size: UInt64, from source: Source, system: any SystemCalls) throws(PhysicalMemoryError) {
        switch source {
        case .hugePages(let pageSize): try self.init(size, pageSize: pageSize, system)
        case .heap(let name): try self.init(size, heap: name, system)
        }
    }

    private static let name = "martlet-guest-ram"

    private init(_ size: UInt64, pageSize: UInt64, _ system: any SystemCalls) throws(PhysicalMemoryError) {
        let file = try HugePages.file(Self.name, size: size, pageSize: pageSize, system: system)
        let raw = file.rawValue
        map = try PageMap.opened(system)
        let (pages, pin, pinFailure) = try Self.takePages(
            of: raw, size: size, pageSize: pageSize, map: map, system: system)
        guard let runs = PhysicalRun.runs(of: pages, pageSize: pageSize) else { throw .notPresent }
        list = OwnedList(try Self.map(runs, of: raw, alignment: pageSize, system))
        source = .hugePages(size: pageSize)
        granule = pageSize
        self.pin = Share(pin)
        self.pinFailure = pinFailure
    }

    /// Allocates the file's pages, pins them and finds their addresses.
    private static func takePages(
        of file: CInt, size: UInt64, pageSize: UInt64, map: PageMap, system: any SystemCalls
    ) throws(PhysicalMemoryError) -> (pages: [UInt64], pin: Pin?, pinFailure: Errno?) {
        let whole = try HugePages.map(file, size: size, pageSize: pageSize, isPopulated: true, system: system)
        var pin: Pin?
        var pinFailure: Errno?
        // First of all: pinning may move pages.
        do throws(Errno) { pin = try Pin(whole, system: system) } catch { pinFailure = error }
        return (try map.physicalAddresses(of: whole, granule: pageSize), pin, pinFailure)
    }

    private init(_ size: UInt64, heap name: String, _ system: any SystemCalls) throws(PhysicalMemoryError) {
        let file = try Self.allocate(size, heap: name, system)
        let raw = file.rawValue
        map = try PageMap.opened(system)
        let (runs, granule) = try Self.place(of: raw, size, heap: name, map, system)
        list = OwnedList(try Self.map(runs, of: raw, alignment: 2 << 20, system))
        source = .heap(name)
        self.granule = granule
        pin = Share(nil)
        pinFailure = nil
    }

    /// Releases the banks, newest first, then the pin and the page map.
    ///
    /// If other code has a share of a bank's mapping, the memory stays, but may move. A second call does nothing.
    public func close() {
        list.releaseAll()
        pin.release()
        map.close()
    }

    deinit { close() }

    /// The place of a heap's memory, and how to look it up again.
    private static func place(
        of file: CInt, _ size: UInt64, heap name: String, _ map: PageMap, _ system: any SystemCalls
    ) throws(PhysicalMemoryError) -> (runs: [PhysicalRun], granule: UInt64?) {
        let pageSize = MemoryMapping.pageSize
        let whole = try mapError(
            PhysicalMemoryError.call("mmap of the heap \(name)"),
            try MemoryMapping(of: file, size: size, system: system))
        // Writing the marks touches each page; pagemap shows no other pages.
        let marks = try mapError(PhysicalMemoryError.call("getrandom"), try PageMarks(on: whole, system: system))
        defer { marks.erase() }
        do throws(PhysicalMemoryError) {
            let pages = try map.physicalAddresses(of: whole, granule: pageSize)
            guard let runs = PhysicalRun.runs(of: pages, pageSize: pageSize) else { throw .notPresent }
            return (runs, pageSize)
        } catch .notPresent {
            let address = try KernelCore.find(marks, heap: name, system: system)
            return ([PhysicalRun(address: address, parts: [0..<size])], nil)
        }
    }

    private static func allocate(
        _ size: UInt64, heap name: String, _ system: any SystemCalls
    ) throws(PhysicalMemoryError) -> OwnedDescriptor {
        let heap: OwnedDescriptor
        do throws(Errno) {
            heap = OwnedDescriptor(adopting: try system.open("/dev/dma_heap/\(name)", .readOnly), of: system)
        } catch .noSuchFileOrDirectory {
            throw .noSuchHeap(name, others: (try? system.listDirectory("/dev/dma_heap")) ?? [])
        } catch { throw .call("open /dev/dma_heap/\(name)", error) }
        do throws(Errno) {
            let buffer = try system.allocateMemory(ofHeap: heap.rawValue, size: size)
            return OwnedDescriptor(adopting: buffer, of: system)
        } catch .noMemory { throw .heapIsFull(name, size: size) } catch {
            throw .call("DMA_HEAP_IOCTL_ALLOC of \(name)", error)
        }
    }

    /// Maps each run so that its address has the same remainder by `alignment` as its physical address. KVM can then
    /// map it in large blocks.
    private static func map(
        _ runs: [PhysicalRun], of file: CInt, alignment: UInt64, _ system: any SystemCalls
    ) throws(PhysicalMemoryError) -> [Bank] {
        var banks: [Bank] = []
        for run in runs {
            let mapping = try mapError(
                PhysicalMemoryError.call("mmap"),
                try MemoryMapping(
                    of: file, parts: run.parts, alignment: alignment, remainder: run.address % alignment,
                    system: system))
            banks.append(Bank(address: run.address, mapping: mapping))
        }
        return banks
    }

    /// The first address that has moved since the memory was allocated; nil if none has.
    ///
    /// A heap's memory can't move; it isn't checked where pagemap doesn't show it.
    /// - Throws: `PhysicalMemoryError` when pagemap can't be read; a page that is no longer in memory counts as moved.
    public func firstMoved() throws(PhysicalMemoryError) -> UInt64? {
        guard let granule else { return nil }
        for bank in banks {
            let addresses: [UInt64]
            do throws(PhysicalMemoryError) {
                addresses = try map.physicalAddresses(of: bank.mapping, granule: granule)
            } catch .notPresent { return bank.address }
            for (index, address) in addresses.enumerated() {
                // No overflow: the address is inside the bank, whose end fits into 64 bits.
                let expected = bank.address &+ UInt64(index) &* granule
                if address != expected { return expected }
            }
        }
        return nil
    }

    /// Fills all of it with zeros.
    public func clear() {
        for bank in banks {
            // Safety: the range is the mapping's own, which the bank keeps alive; memset works even if other code
            // writes at the same time.
            bank.mapping.bytes(at: 0, count: bank.mapping.size)?.initializeMemory(as: UInt8.self, repeating: 0)
        }
    }
}

extension PageMap {
    fileprivate static func opened(_ system: any SystemCalls) throws(PhysicalMemoryError) -> PageMap {
        do { return try PageMap(system: system) } catch { throw .call("open /proc/self/pagemap", error) }
    }
}

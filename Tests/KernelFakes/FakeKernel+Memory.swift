// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem

/// The fake host's memory, as far as physical addresses matter.
public struct FakeMemoryState {
    /// The free pages of the pool of huge pages, by page size: their physical addresses, in the order of allocation.
    public var hugePages: [UInt64: [UInt64]] = [:]
    /// The physical address of each heap's memory, and its size in bytes.
    public var heaps: [String: (address: UInt64, size: UInt64)] = [:]
    /// Whether pagemap omits heaps' memory, as since Linux 6.9; it is in /proc/kcore then.
    public var hidesHeaps = true
    /// Whether pagemap shows no addresses, as for users without the privilege.
    public var hidesAddresses = false
    /// The error of pinning.
    public var pinFailure: Errno?
    /// The new addresses of pages that have moved, by their former addresses.
    public var moved: [UInt64: UInt64] = [:]
    /// The physical address of each page of a descriptor, and the page's size.
    var files: [CInt: (pages: [UInt64], pageSize: UInt64)] = [:]
    /// The file parts of a mapping, by the mapping's address.
    var parts: [UInt: (descriptor: CInt, parts: [Range<UInt64>])] = [:]

    public init() {}
}

extension FakeKernel {
    static let heapPrefix = "DMA_HEAP_IOCTL_ALLOC "
    private static let pageSize: UInt64 = 4096
    /// The offset of RAM in the fake's /proc/kcore.
    private static let coreOffset: UInt64 = 0x10000

    func takeHugePages(_ descriptor: CInt, size: UInt64, _ pageSize: UInt64?) throws(Errno) {
        guard let pageSize else { return }
        let isKnown = withState { state in
            guard let free = state.memory.hugePages[pageSize] else { return false }
            let count = Int(size / pageSize)
            // Too few pages: the kernel reports it when they are mapped.
            state.memory.files[descriptor] = (count <= free.count ? Array(free.prefix(count)) : [], pageSize)
            if count <= free.count { state.memory.hugePages[pageSize] = Array(free.dropFirst(count)) }
            return true
        }
        if !isKnown { throw .operationNotSupportedByDevice }
    }

    func lacksHugePages(_ descriptor: CInt) -> Bool { withState { $0.memory.files[descriptor]?.pages.isEmpty == true } }

    public func allocateMemory(ofHeap heap: CInt, size: UInt64) throws(Errno) -> CInt {
        let name = String(name(of: heap).split(separator: "/").last ?? "")
        guard let found = withState({ $0.memory.heaps[name] }), size <= found.size else { throw .noMemory }
        let descriptor = try acquireDescriptor(Self.heapPrefix + name)
        withState { state in
            let pages = stride(from: found.address, to: found.address + size, by: Int(Self.pageSize))
            state.memory.files[descriptor] = (Array(pages), Self.pageSize)
        }
        return descriptor
    }

    public func mapShared(
        _ descriptor: CInt, parts: [Range<UInt64>], alignment: UInt64, remainder: UInt64
    ) throws(Errno) -> UInt {
        let size = parts.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
        let address = try mapShared(descriptor, offset: 0, size: size)
        withState { $0.memory.parts[address] = (descriptor, parts) }
        return address
    }

    public func pin(address: UInt, size: UInt64) throws(Errno) -> CInt {
        if let failure = withState({ $0.memory.pinFailure }) { throw failure }
        return try acquireDescriptor("pin")
    }

    public func unpin(_ pin: CInt) { close(pin) }

    /// The physical address of a page of this process; nil when the fake doesn't know it.
    private func physicalAddress(of address: UInt, _ state: State) -> UInt64? {
        guard
            let (base, mapping) = state.mappings.first(where: { $0.key <= address && address - $0.key < $0.value.size })
        else { return nil }
        let whole = (descriptor: mapping.descriptor, parts: [0..<mapping.size])
        let (descriptor, parts) = state.memory.parts[base] ?? whole
        guard let file = state.memory.files[descriptor] else { return nil }
        var offset = UInt64(address - base)
        for part in parts {
            let size = part.upperBound - part.lowerBound
            if offset < size {
                let position = part.lowerBound + offset
                let page = file.pages[Int(position / file.pageSize)]
                return (state.memory.moved[page] ?? page) + position % file.pageSize
            }
            offset -= size
        }
        return nil
    }

    func readPageMap(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int? {
        guard name(of: descriptor) == "open /proc/self/pagemap" else { return nil }
        withState { state in
            for index in 0..<buffer.count / 8 {
                let address = UInt((offset / 8 + UInt64(index)) * Self.pageSize)
                var entry: UInt64 = 0
                let physical = physicalAddress(of: address, state)
                let isHeap = state.mappings.contains {
                    $0.key <= address && address - $0.key < $0.value.size && $0.value.what.contains(Self.heapPrefix)
                }
                if let physical, !isHeap || !state.memory.hidesHeaps {
                    // Soft-dirty and "file-page or shared" are set too.
                    entry = 1 << 63 | 1 << 61 | 1 << 55
                    if !state.memory.hidesAddresses { entry |= physical / Self.pageSize }
                }
                buffer.storeBytes(of: entry, toByteOffset: index * 8, as: UInt64.self)
            }
        }
        return buffer.count / 8 * 8
    }

    /// An ELF header, one entry for RAM and one for another range, and RAM with the content of heaps' mappings.
    func readCore(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int? {
        guard name(of: descriptor) == "open /proc/kcore" else { return nil }
        var header = [UInt8](repeating: 0, count: 64 + 2 * 56)
        func put(_ value: UInt64, _ place: Int, _ count: Int) {
            for index in 0..<count { header[place + index] = UInt8(truncatingIfNeeded: value >> (index * 8)) }
        }
        header.replaceSubrange(0..<4, with: [0x7F, 0x45, 0x4C, 0x46])
        put(64, 32, 8)
        put(56, 54, 2)
        put(2, 56, 2)
        for (entry, address) in [(64, UInt64.max), (120, 0)] {
            put(1, entry, 4)
            put(Self.coreOffset, entry + 8, 8)
            put(address, entry + 24, 8)
            put(1 << 32, entry + 32, 8)
        }
        if offset < Self.coreOffset {
            buffer.copyBytes(from: header.dropFirst(Int(offset)).prefix(buffer.count))
            return min(buffer.count, max(0, header.count - Int(offset)))
        }
        let wanted = offset - Self.coreOffset
        withState { state in
            for index in buffer.indices { buffer[index] = 0 }
            for (base, mapping) in state.mappings where mapping.what.contains(Self.heapPrefix) {
                guard let start = physicalAddress(of: base, state), wanted >= start, wanted - start < mapping.size,
                    let bytes = UnsafeRawPointer(bitPattern: base + UInt(wanted - start))
                else { continue }
                let count = min(buffer.count, Int(mapping.size - (wanted - start)))
                buffer.copyBytes(from: UnsafeRawBufferPointer(start: bytes, count: count))
            }
        }
        return buffer.count
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The device's side of a split virtqueue: takes chains from the available ring, and returns them in the used ring.
///
/// The rings belong to the guest, and are hostile until checked. Each word of them is read once, the work for a chain
/// is limited by `chainLimit`, and nothing is allocated. Every error is a `QueueFault`.
///
/// Ownership: it belongs to the thread of its queue.
/// - SeeAlso: virtio 1.2, 2.7 Split Virtqueues
struct SplitQueue {
    /// The place of a queue and its features, as device and driver have agreed.
    struct Layout: Equatable, Sendable {
        /// The size in descriptors: a power of two.
        var size: UInt16
        /// Guest-physical addresses.
        var descriptors: UInt64
        var available: UInt64
        var used: UInt64
        var usesEventIndex: Bool
        var usesIndirect: Bool
    }

    /// The largest chain that a device needs, in descriptors; also the largest size of a queue.
    static let greatestSize: UInt16 = 1024

    private let memory: QueueMemory
    private let layout: Layout
    /// The largest number of descriptors of a chain.
    private let chainLimit: Int
    private let descriptors: UnsafeMutableRawPointer
    private let available: UnsafeMutableRawPointer
    private let used: UnsafeMutableRawPointer
    /// The index of the next entry to take from the available ring.
    private var nextAvailable: UInt16 = 0
    /// The available ring's index when it was last read.
    private var seenAvailable: UInt16 = 0
    /// The used ring's index, without entries that aren't published yet.
    private var published: UInt16 = 0
    /// The index of the next entry of the used ring.
    private var nextUsed: UInt16 = 0

    /// - Parameter chainLimit: the largest number of descriptors of a chain.
    /// - Throws: `QueueFault.ring` when a part isn't in one bank of RAM, or isn't aligned.
    init(_ layout: Layout, chainLimit: Int, memory: QueueMemory) throws(QueueFault) {
        let size = UInt64(layout.size)
        // Each ring includes the word that says when its reader wants a notification.
        descriptors = try Self.pointer(layout.descriptors, 16 * size, alignment: 16, memory)
        available = try Self.pointer(layout.available, 6 + 2 * size, alignment: 2, memory)
        used = try Self.pointer(layout.used, 6 + 8 * size, alignment: 4, memory)
        self.memory = memory
        self.layout = layout
        self.chainLimit = chainLimit
    }

    private static func pointer(
        _ address: UInt64, _ count: UInt64, alignment: UInt, _ memory: QueueMemory
    ) throws(QueueFault) -> UnsafeMutableRawPointer {
        guard let pointer = memory.pointer(address, count: count), UInt(bitPattern: pointer).isMultiple(of: alignment)
        else { throw .ring(address: address) }
        return pointer
    }

    // MARK: The available ring

    /// Takes the guest's next chain; false when there is none.
    /// - Throws: `QueueFault`; the queue can't be used any more then.
    mutating func next(_ chain: inout DescriptorChain) throws(QueueFault) -> Bool {
        if nextAvailable == seenAvailable, try !seeAvailable() { return false }
        let slot = Int(nextAvailable & (layout.size &- 1))
        // Safety: init has checked that the whole ring is in RAM, and the slot is below its size.
        let head = GuestWord.load16(available + 4 + 2 * slot)
        guard head < layout.size else { throw .head(head, size: layout.size) }
        nextAvailable &+= 1
        try follow(head, into: &chain)
        return true
    }

    /// Puts back the chain that was taken last: `next` takes it again.
    mutating func putBack() { nextAvailable &-= 1 }

    /// Reads the available ring's index; returns whether there are new entries.
    private mutating func seeAvailable() throws(QueueFault) -> Bool {
        // The entries up to the index are read after it.
        let index = GuestWord.loadAcquiring16(available + 2)
        let ahead = index &- nextAvailable
        guard ahead <= layout.size else { throw .availableIndex(ahead: ahead, size: layout.size) }
        seenAvailable = index
        return ahead > 0
    }

    /// A descriptor, read once.
    private struct Descriptor {
        let address: UInt64
        let count: UInt32
        let next: UInt16
        private let flags: UInt16

        var hasNext: Bool { flags & 1 != 0 }
        var isWritable: Bool { flags & 2 != 0 }
        var isIndirect: Bool { flags & 4 != 0 }

        @inline(__always)
        init(at pointer: UnsafeMutableRawPointer) {
            address = GuestWord.load64(pointer)
            let rest = GuestWord.load64(pointer + 8)
            count = UInt32(truncatingIfNeeded: rest)
            flags = UInt16(truncatingIfNeeded: rest >> 32)
            next = UInt16(truncatingIfNeeded: rest >> 48)
        }
    }

    private func follow(_ head: UInt16, into chain: inout DescriptorChain) throws(QueueFault) {
        chain.begin(head)
        var (table, size, index) = (descriptors, UInt32(layout.size), head)
        var isInTable = false
        var left = chainLimit
        while left > 0 {
            // Safety: the index was checked: it is below the size of its table, which is completely in RAM.
            let descriptor = Descriptor(at: table + 16 * Int(index))
            if descriptor.isIndirect {
                guard layout.usesIndirect, !isInTable, !descriptor.hasNext else { throw .indirect }
                guard descriptor.count > 0, descriptor.count.isMultiple(of: 16) else {
                    throw .indirectSize(descriptor.count)
                }
                guard let pointer = memory.pointer(descriptor.address, count: UInt64(descriptor.count)) else {
                    throw .buffer(address: descriptor.address, count: descriptor.count)
                }
                // The indirect descriptor isn't a buffer itself, and a chain has at most one.
                (table, size, index, isInTable) = (pointer, descriptor.count / 16, 0, true)
                continue
            }
            left -= 1
            try memory.append(
                descriptor.address, count: descriptor.count, isWritable: descriptor.isWritable, to: &chain)
            guard descriptor.hasNext else { return }
            guard UInt32(descriptor.next) < size else { throw .next(descriptor.next, size: size) }
            index = descriptor.next
        }
        throw .chainLength(limit: chainLimit)
    }

    // MARK: The used ring

    /// Adds a chain to the used ring; the guest sees it after `publish`.
    /// - Parameter written: how many bytes the device has written to the chain.
    mutating func add(_ head: UInt16, written: UInt32) {
        // Safety: init has checked that the whole ring is in RAM, and the slot is below its size.
        let entry = used + 4 + 8 * Int(nextUsed & (layout.size &- 1))
        GuestWord.store32(UInt32(head), entry)
        GuestWord.store32(written, entry + 4)
        nextUsed &+= 1
    }

    /// Makes the added entries visible to the guest.
    /// - Returns: whether the guest wants an interrupt for it.
    mutating func publish() -> Bool {
        guard published != nextUsed else { return false }
        let before = published
        published = nextUsed
        GuestWord.storeReleasing16(nextUsed, used + 2)
        // The guest first sets what it wants, then reads the index; this code first sets the index, then reads what the
        // guest wants.
        GuestWord.fence()
        guard layout.usesEventIndex else { return GuestWord.load16(available) & 1 == 0 }
        // Safety: the word behind the ring, for which init has checked that there is room.
        let event = GuestWord.load16(available + 4 + 2 * Int(layout.size))
        return (nextUsed &- event) &- 1 < nextUsed &- before
    }

    // MARK: Notifications

    /// Asks the guest not to kick while the queue is being handled. It may kick anyway.
    func suppressKicks() {
        // With event indices the guest kicks only when it passes the last event index.
        if !layout.usesEventIndex { GuestWord.storeReleasing16(1, used) }
    }

    /// Asks the guest to kick for the next chain.
    /// - Returns: whether there is a chain already, for which there may be no kick.
    /// - Throws: `QueueFault.availableIndex`.
    mutating func wantKick() throws(QueueFault) -> Bool {
        // Safety: the word behind the ring, for which init has checked that there is room, or the ring's first word.
        if layout.usesEventIndex {
            GuestWord.storeReleasing16(nextAvailable, used + 4 + 8 * Int(layout.size))
        } else {
            GuestWord.storeReleasing16(0, used)
        }
        // The guest first adds a chain, then checks whether a kick is wanted; this code first asks for a kick, then
        // checks for a chain.
        GuestWord.fence()
        return try seeAvailable()
    }
}

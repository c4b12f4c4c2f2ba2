// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A request of the guest: buffers that the device reads, then buffers that it writes. The division of a request into
/// buffers has no meaning (virtio 1.2, 2.7.4.2), so they are used byte by byte.
///
/// One chain is filled again and again: the thread that owns it allocates its memory once.
struct DescriptorChain: ~Copyable {
    /// Room for `capacity` segments: the readable ones up to `firstWritable`, the writable ones up to `end`.
    private let segments: UnsafeMutablePointer<MemorySegment>
    private let capacity: Int
    /// The index of its first descriptor, which identifies it for the guest.
    private(set) var head: UInt16 = 0
    private var firstReadable = 0
    private var firstWritable = 0
    private var end = 0
    /// How many bytes are left for the device to read.
    private(set) var readableCount: UInt64 = 0
    /// How many bytes are left for the device to write.
    private(set) var writableCount: UInt64 = 0

    /// An empty chain with room for `capacity` segments.
    init(capacity: Int) {
        segments = .allocate(capacity: capacity)
        segments.initialize(repeating: MemorySegment(address: 0, count: 0), count: capacity)
        self.capacity = capacity
    }

    // Safety: init allocated them, and no one else has the chain any more.
    deinit { segments.deallocate() }

    /// Removes all segments.
    mutating func begin(_ head: UInt16) {
        self.head = head
        (firstReadable, firstWritable, end, readableCount, writableCount) = (0, 0, 0, 0, 0)
    }

    /// - Throws: `QueueFault.order`, `.chainLength` for too many segments, `.byteCount`.
    mutating func append(_ segment: MemorySegment, isWritable: Bool) throws(QueueFault) {
        guard end < capacity else { throw .chainLength(limit: capacity) }
        guard isWritable || end == firstWritable else { throw .order }
        let count = UInt64(segment.count)
        guard readableCount + writableCount + count <= UInt64(UInt32.max) else { throw .byteCount }
        segments[end] = segment
        end += 1
        if isWritable {
            writableCount += count
        } else {
            firstWritable = end
            readableCount += count
        }
    }

    /// The segments that are left to read. Valid until the chain changes.
    var readable: UnsafeMutableBufferPointer<MemorySegment> {
        // Safety: both indices are within the capacity, the first one not above the second.
        UnsafeMutableBufferPointer(start: segments + firstReadable, count: firstWritable - firstReadable)
    }

    /// The segments that are left to write. Valid until the chain changes.
    var writable: UnsafeMutableBufferPointer<MemorySegment> {
        // Safety: both indices are within the capacity, the first one not above the second.
        UnsafeMutableBufferPointer(start: segments + firstWritable, count: end - firstWritable)
    }

    /// Copies and removes the next bytes that the device reads; false when there are too few.
    mutating func take(_ count: Int, into target: UnsafeMutableRawPointer) -> Bool {
        guard readableCount >= UInt64(count) else { return false }
        var done = 0
        while done < count, firstReadable < firstWritable {
            let segment = segments[firstReadable]
            let part = min(segment.count, count - done)
            // Safety: the segment is in RAM, which stays mapped; the target has room for `count` bytes.
            if let source = UnsafeRawPointer(bitPattern: segment.address) {
                (target + done).copyMemory(from: source, byteCount: part)
            }
            done += part
            if part == segment.count {
                firstReadable += 1
            } else {
                segments[firstReadable] = MemorySegment(
                    address: segment.address &+ UInt(part), count: segment.count - part)
            }
        }
        readableCount -= UInt64(count)
        return true
    }

    /// Removes the last byte that the device writes, and returns its address; nil when there is none.
    mutating func takeLastWritable() -> UnsafeMutablePointer<UInt8>? {
        guard firstWritable < end else { return nil }
        let segment = segments[end - 1]
        writableCount -= 1
        if segment.count == 1 {
            end -= 1
        } else {
            segments[end - 1].count -= 1
        }
        // Safety: the segment is in RAM, which stays mapped, and has at least one byte.
        return UnsafeMutablePointer(bitPattern: segment.address &+ UInt(segment.count - 1))
    }

    /// Writes `bytes` to the first bytes that the device writes; returns how many there was room for.
    mutating func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        var done = 0
        for segment in writable where done < bytes.count {
            let part = min(segment.count, bytes.count - done)
            // Safety: the segment is in RAM, which stays mapped.
            if let target = UnsafeMutableRawPointer(bitPattern: segment.address), let source = bytes.baseAddress {
                target.copyMemory(from: source + done, byteCount: part)
            }
            done += part
        }
        return done
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A request of the guest's: buffers that the device reads, and behind them buffers that it writes. How a request is cut
/// into buffers says nothing (virtio 1.2, 2.7.4.2), so that they are taken byte by byte.
///
/// One chain is filled again and again: its memory is allocated once, by the thread that owns it.
struct DescriptorChain: ~Copyable {
    /// Room for `capacity` pieces: the readable ones up to `firstWritable`, the writable ones up to `end`.
    private let segments: UnsafeMutablePointer<MemorySegment>
    private let capacity: Int
    /// The index of its first descriptor, by which the guest knows it.
    private(set) var head: UInt16 = 0
    private var firstReadable = 0
    private var firstWritable = 0
    private var end = 0
    /// How many bytes are left that the device reads.
    private(set) var readableCount: UInt64 = 0
    /// How many bytes are left that the device writes.
    private(set) var writableCount: UInt64 = 0

    /// An empty chain with room for so many pieces.
    init(capacity: Int) {
        segments = .allocate(capacity: capacity)
        segments.initialize(repeating: MemorySegment(address: 0, count: 0), count: capacity)
        self.capacity = capacity
    }

    // Safety: allocated by init and freed here, with nobody else left who has the chain.
    deinit { segments.deallocate() }

    /// Forgets what it had.
    mutating func begin(_ head: UInt16) {
        self.head = head
        (firstReadable, firstWritable, end, readableCount, writableCount) = (0, 0, 0, 0, 0)
    }

    /// - Throws: `QueueFault.order`, `.chainLength` for too many pieces, `.byteCount`.
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

    /// The pieces that are left to read. Valid until the chain changes.
    var readable: UnsafeMutableBufferPointer<MemorySegment> {
        // Safety: both indices are within the capacity, the first one not above the second.
        UnsafeMutableBufferPointer(start: segments + firstReadable, count: firstWritable - firstReadable)
    }

    /// The pieces that are left to write. Valid until the chain changes.
    var writable: UnsafeMutableBufferPointer<MemorySegment> {
        // Safety: both indices are within the capacity, the first one not above the second.
        UnsafeMutableBufferPointer(start: segments + firstWritable, count: end - firstWritable)
    }

    /// Copies the next bytes that the device reads, and takes them off; false when there are too few.
    mutating func take(_ count: Int, into target: UnsafeMutableRawPointer) -> Bool {
        guard readableCount >= UInt64(count) else { return false }
        var done = 0
        while done < count, firstReadable < firstWritable {
            let segment = segments[firstReadable]
            let part = min(segment.count, count - done)
            // Safety: the piece is in RAM, which stays mapped; the target has room for `count` bytes.
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

    /// Takes the last byte that the device writes off; nil when there is none.
    mutating func takeLastWritable() -> UnsafeMutablePointer<UInt8>? {
        guard firstWritable < end else { return nil }
        let segment = segments[end - 1]
        writableCount -= 1
        if segment.count == 1 {
            end -= 1
        } else {
            segments[end - 1].count -= 1
        }
        // Safety: the piece is in RAM, which stays mapped, and has at least one byte.
        return UnsafeMutablePointer(bitPattern: segment.address &+ UInt(segment.count - 1))
    }

    /// Writes `bytes` to the beginning of what the device writes; returns how many there was room for.
    mutating func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        var done = 0
        for segment in writable where done < bytes.count {
            let part = min(segment.count, bytes.count - done)
            // Safety: the piece is in RAM, which stays mapped.
            if let target = UnsafeMutableRawPointer(bitPattern: segment.address), let source = bytes.baseAddress {
                target.copyMemory(from: source + done, byteCount: part)
            }
            done += part
        }
        return done
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// The counts of a guest's requests to a drive, over all its starts.
public struct DriveCounts: Equatable, Sendable, Encodable {
    /// Read requests.
    public var reads: UInt64 = 0
    /// Write requests.
    public var writes: UInt64 = 0
    /// Flush requests.
    public var flushes: UInt64 = 0
    /// Requests to free space or to write zeroes.
    public var discards: UInt64 = 0
    /// Bytes that were read.
    public var bytesRead: UInt64 = 0
    /// Bytes that were written.
    public var bytesWritten: UInt64 = 0
    /// Requests that failed.
    public var errors: UInt64 = 0

    private enum CodingKeys: String, CodingKey {
        case reads, writes, flushes, discards, errors
        case bytesRead = "bytes_read"
        case bytesWritten = "bytes_written"
    }

    /// Starts with zeros.
    public init() {}
}

/// Counts the requests of a drive's queues. Any thread may count. A reader gets each count as it is at some moment.
final class DriveCounter: Sendable {
    let reads = Atomic<UInt64>(0)
    let writes = Atomic<UInt64>(0)
    let flushes = Atomic<UInt64>(0)
    let discards = Atomic<UInt64>(0)
    let bytesRead = Atomic<UInt64>(0)
    let bytesWritten = Atomic<UInt64>(0)
    let errors = Atomic<UInt64>(0)

    /// Counts `request`; `byteCount` is the length of its data.
    func note(_ request: BlockRequest, byteCount: UInt64) {
        switch request {
        case .read:
            reads.wrappingAdd(1, ordering: .relaxed)
            bytesRead.wrappingAdd(byteCount, ordering: .relaxed)
        case .write:
            writes.wrappingAdd(1, ordering: .relaxed)
            bytesWritten.wrappingAdd(byteCount, ordering: .relaxed)
        case .flush: flushes.wrappingAdd(1, ordering: .relaxed)
        case .discard, .writeZeroes: discards.wrappingAdd(1, ordering: .relaxed)
        case .identify: break
        }
    }

    /// Counts a failed request; returns the new count.
    func noteError() -> UInt64 { errors.wrappingAdd(1, ordering: .relaxed).newValue }

    var counts: DriveCounts {
        var counts = DriveCounts()
        counts.reads = reads.load(ordering: .relaxed)
        counts.writes = writes.load(ordering: .relaxed)
        counts.flushes = flushes.load(ordering: .relaxed)
        counts.discards = discards.load(ordering: .relaxed)
        counts.bytesRead = bytesRead.load(ordering: .relaxed)
        counts.bytesWritten = bytesWritten.load(ordering: .relaxed)
        counts.errors = errors.load(ordering: .relaxed)
        return counts
    }
}

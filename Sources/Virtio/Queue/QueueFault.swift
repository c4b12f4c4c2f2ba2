// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// What is wrong with a queue or a request of the guest's: the device needs a reset then.
enum QueueFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// A ring or the descriptor table isn't wholly in RAM.
    case ring(address: UInt64)
    /// The available ring's index is further ahead than the queue is long.
    case availableIndex(ahead: UInt16, size: UInt16)
    /// The first descriptor of a request isn't in the table.
    case head(UInt16, size: UInt16)
    /// A descriptor's successor isn't in its table.
    case next(UInt16, size: UInt32)
    /// A chain has more descriptors than the device takes, or is a loop.
    case chainLength(limit: Int)
    /// A buffer isn't wholly in RAM.
    case buffer(address: UInt64, count: UInt32)
    /// A chain's buffers have 4 GiB or more together.
    case byteCount
    /// A buffer that the device reads comes after one that it writes.
    case order
    /// An indirect descriptor without the feature, in an indirect table, or with a successor.
    case indirect
    /// An indirect table that is empty, or isn't whole descriptors.
    case indirectSize(UInt32)
    /// A request is too short for its header, or has no room for its status.
    case request(readable: UInt64, writable: UInt64)

    /// What the guest's driver did wrong.
    var description: String {
        switch self {
        case .ring(let address): "the ring or table at \(hex(address)) is misplaced or outside RAM"
        case .availableIndex(let ahead, let size):
            "the available ring has \(ahead) new entries, more than the \(size) of the queue"
        case .head(let index, let size): "a chain begins at descriptor \(index), and the queue has \(size)"
        case .next(let index, let size): "a descriptor goes on at \(index), and its table has \(size)"
        case .chainLength(let limit): "a chain has more than \(limit) descriptors"
        case .buffer(let address, let count): "the buffer of \(count) bytes at \(hex(address)) is outside RAM"
        case .byteCount: "a chain has 4 GiB or more"
        case .order: "a chain has a readable buffer behind a writable one"
        case .indirect: "an indirect descriptor isn't allowed there"
        case .indirectSize(let size): "an indirect table has \(size) bytes, which isn't a number of descriptors"
        case .request(let readable, let writable):
            "a request has \(readable) readable and \(writable) writable bytes, which is too few"
        }
    }
}

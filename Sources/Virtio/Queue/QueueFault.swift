// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// An error of the guest in a queue or a request, after which the device needs a reset.
enum QueueFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// A ring or the descriptor table isn't completely in RAM.
    case ring(address: UInt64)
    /// The available ring's index is ahead by more than the queue's size.
    case availableIndex(ahead: UInt16, size: UInt16)
    /// The first descriptor of a request isn't in the table.
    case head(UInt16, size: UInt16)
    /// The next descriptor isn't in the same table.
    case next(UInt16, size: UInt32)
    /// A chain has more descriptors than the device allows, or is a loop.
    case chainLength(limit: Int)
    /// A buffer isn't completely in RAM.
    case buffer(address: UInt64, count: UInt32)
    /// The buffers of a chain have 4 GiB or more in total.
    case byteCount
    /// A buffer that the device reads comes after one that it writes.
    case order
    /// An indirect descriptor without the feature, in an indirect table, or with a successor.
    case indirect
    /// An indirect table is empty, or its size isn't that of whole descriptors.
    case indirectSize(UInt32)
    /// A request is too short for its header, or has no room for its status.
    case request(readable: UInt64, writable: UInt64)

    /// The mistake of the guest's driver.
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

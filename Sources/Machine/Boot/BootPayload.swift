// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The part of a file that contains a compressed kernel.
struct BootPayload {
    let file: BootFile
    /// The part, in bytes from the file's beginning.
    let range: Range<UInt64>

    /// Fills `target` from `offset` bytes into the payload; returns how many bytes were read.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MachineError) -> Int {
        let left = UInt64(range.count) - min(offset, UInt64(range.count))
        let count = Int(min(UInt64(target.count), left))
        // Safety: a prefix of target.
        return try file.read(
            into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: range.lowerBound + offset)
    }
}

/// The result of decompressing a payload.
struct UnpackedPayload {
    /// The bytes that were written.
    var count: Int
    /// False when there was no room for the rest.
    var isWhole: Bool
    /// Whether the payload has other bytes than zeros behind the compressed data.
    var hasTrailingBytes: Bool
}

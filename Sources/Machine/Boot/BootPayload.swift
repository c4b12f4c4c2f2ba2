// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The part of a file that holds a compressed kernel.
struct BootPayload {
    let file: BootFile
    /// In bytes from the file's beginning.
    let range: Range<UInt64>

    /// Fills `target` from `offset` bytes into the payload; returns how many bytes there were.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MachineError) -> Int {
        let left = UInt64(range.count) - min(offset, UInt64(range.count))
        let count = Int(min(UInt64(target.count), left))
        // Safety: a prefix of target.
        return try file.read(
            into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: range.lowerBound + offset)
    }
}

/// What came out of a payload.
struct UnpackedPayload {
    /// The bytes that were written.
    var count: Int
    /// False where there was no room for more.
    var isWhole: Bool
    /// Whether the payload goes on behind the compressed data, with more than zeros.
    var hasTrailingBytes: Bool
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Marks at the beginning of each page of a mapping, by which it can be found elsewhere. The pages are zero before and
/// after.
struct PageMarks {
    /// The length of a mark in bytes: 16 random bytes, and the page's number.
    static let size = 24

    let count: UInt64
    private let mapping: MemoryMapping
    private let secret: [UInt8]

    /// Writes the marks.
    /// - Throws: the errors of getrandom(2).
    init(on mapping: MemoryMapping, system: any SystemCalls) throws(Errno) {
        secret = try system.randomBytes(16)
        self.mapping = mapping
        count = mapping.size / MemoryMapping.pageSize
        for index in 0..<count { write(self[index], to: index) }
    }

    /// The mark of a page.
    subscript(index: UInt64) -> [UInt8] {
        secret + (0..<8).map { UInt8(truncatingIfNeeded: index >> ($0 * 8)) }
    }

    func erase() {
        let nothing = [UInt8](repeating: 0, count: Self.size)
        for index in 0..<count { write(nothing, to: index) }
    }

    private func write(_ bytes: [UInt8], to page: UInt64) {
        // Safety: `bytes(at:count:)` gives nil beyond the mapping, which self keeps alive.
        mapping.bytes(at: page * MemoryMapping.pageSize, count: UInt64(bytes.count))?.copyBytes(from: bytes)
    }
}

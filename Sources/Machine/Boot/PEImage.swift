// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The PE/COFF headers of a kernel that is also an EFI application.
///
/// - SeeAlso: Microsoft PE format, "COFF File Header" and "Section Table"
enum PEImage {
    /// The minimal size of the file in bytes: the end of its last section's data. Nil when it isn't a PE image.
    static func fileSize(_ bytes: UnsafeRawBufferPointer) -> Int? {
        func word(_ offset: Int, _ width: Int) -> Int? {
            guard offset >= 0, offset <= bytes.count - width else { return nil }
            return (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << ($1 * 8) }
        }
        guard word(0, 2) == 0x5A4D, let header = word(60, 4), word(header, 4) == 0x0000_4550,
            let sectionCount = word(header + 6, 2), let optionalSize = word(header + 20, 2)
        else { return nil }
        var end = 0
        for index in 0..<sectionCount {
            let section = header + 24 + optionalSize + index * 40
            guard let size = word(section + 16, 4), let start = word(section + 20, 4) else { break }
            end = max(end, start + size)
        }
        return end
    }
}

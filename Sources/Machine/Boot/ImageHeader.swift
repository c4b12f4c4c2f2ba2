// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The header of an arm64 Linux `Image`.
///
/// - SeeAlso: Documentation/arch/arm64/booting.rst, 4. Call the kernel image
struct ImageHeader: Equatable {
    /// Its length in bytes.
    static let size = 64

    /// How far above a 2 MiB aligned base the image goes, in bytes.
    let textOffset: UInt64
    /// What the image takes in memory, its BSS included, in bytes; 0 in kernels before 3.17.
    let imageSize: UInt64
    let flags: UInt64

    enum Fault: Error, Equatable {
        case short, notArm64, compressed(String)
        case implausible(String)
    }

    /// - Parameter bytes: at least the first 64 bytes of the image.
    init(_ bytes: [UInt8]) throws(Fault) {
        if let kind = Self.otherCompression(bytes) { throw .compressed(kind) }
        guard bytes.count >= Self.size else { throw .short }
        guard bytes[56..<60].elementsEqual([0x41, 0x52, 0x4D, 0x64]) else { throw .notArm64 }  // "ARM\u{64}"
        func field(_ offset: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) }
        }
        let declaredSize = field(16)
        imageSize = declaredSize
        // "Prior to v3.17 [...] image_size is zero [...] text_offset can be assumed to be 0x80000."
        textOffset = declaredSize == 0 ? 0x80000 : field(8)
        flags = field(24)
        // Anything larger than the address space of a board is nonsense, and would overflow later sums.
        guard textOffset < 1 << 40 else { throw .implausible("text_offset") }
        guard imageSize < 1 << 40 else { throw .implausible("image_size") }
    }

    /// What the kernel takes in memory from its first byte on, in bytes.
    ///
    /// Kernels that don't say (before 3.17) want "as much memory as possible" behind the image; their BSS is below 8 MiB.
    func footprint(fileSize: UInt64) -> UInt64 {
        imageSize == 0 ? fileSize + (8 << 20) : max(fileSize, imageSize)
    }

    private static func otherCompression(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A]) { return "xz" }
        if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return "zstd" }
        if bytes.starts(with: [0x42, 0x5A, 0x68]) { return "bzip2" }
        if bytes.starts(with: [0x02, 0x21, 0x4C, 0x18]) || bytes.starts(with: [0x04, 0x22, 0x4D, 0x18]) {
            return "lz4"
        }
        return nil
    }
}

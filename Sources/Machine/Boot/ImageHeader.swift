// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The header of an arm64 Linux `Image`.
///
/// - SeeAlso: Documentation/arch/arm64/booting.rst, 4. Call the kernel image
struct ImageHeader: Equatable {
    /// Its length in bytes.
    static let size = 64

    /// The offset of the image from a 2 MiB aligned base, in bytes.
    let textOffset: UInt64
    /// The image's size in memory, its BSS included, in bytes; 0 in kernels before 3.17.
    let imageSize: UInt64
    let flags: UInt64

    enum Problem: Error, Equatable {
        case short, notArm64
        case implausible(String)
    }

    /// - Parameter bytes: at least the first 64 bytes of the image.
    init(_ bytes: [UInt8]) throws(Problem) {
        guard bytes.count >= Self.size else { throw .short }
        guard Self.hasMagic(bytes) else { throw .notArm64 }
        func field(_ offset: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) }
        }
        let declaredSize = field(16)
        imageSize = declaredSize
        // "Prior to v3.17 [...] image_size is zero [...] text_offset can be assumed to be 0x80000."
        textOffset = declaredSize == 0 ? 0x80000 : field(8)
        flags = field(24)
        // A larger value exceeds the address space of a board, and would overflow later sums.
        guard textOffset < 1 << 40 else { throw .implausible("text_offset") }
        guard imageSize < 1 << 40 else { throw .implausible("image_size") }
    }

    /// The kernel's size in memory, in bytes.
    ///
    /// Kernels before 3.17 don't declare it, and require "as much memory as possible" behind the image; their BSS is
    /// below 8 MiB.
    func footprint(fileSize: UInt64) -> UInt64 {
        imageSize == 0 ? fileSize + (8 << 20) : max(fileSize, imageSize)
    }

    /// Whether bytes 56 to 59 are the magic number "ARM\x64".
    static func hasMagic(_ bytes: [UInt8]) -> Bool {
        bytes.count >= size && bytes[56..<60].elementsEqual([0x41, 0x52, 0x4D, 0x64])
    }
}

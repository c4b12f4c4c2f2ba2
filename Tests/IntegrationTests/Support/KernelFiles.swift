// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CZstd
import FoundationEssentials
import Testing

/// Kernels that are made from existing ones.
enum KernelFiles {
    private static func bytes(_ image: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: Host.image(image))))
    }

    /// An EFI zboot image of the guest's kernel, laid out as in drivers/firmware/efi/libstub/zboot-header.S and
    /// Makefile.zboot; without the stub that would unpack it under EFI.
    /// - Parameter compression: "gzip" or "zstd22", the names in the kernel's build.
    static func zboot(_ compression: String) throws -> [UInt8] {
        var payload = try compression == "gzip" ? bytes("Image.gz") : zstd(padded(bytes("Image")))
        let size = payload.count
        // The uncompressed length is part of gzip's format; with other formats it follows the payload, and isn't
        // counted.
        if compression != "gzip" { payload += word(0) }
        var image = Array("MZ\0\0zimg".utf8) + word(0x1000) + word(size) + word(0) + word(0)
        image += Array(compression.utf8)
        image += [UInt8](repeating: 0, count: 56 - image.count)
        image += word(0x8182_23CD) + word(64) + Array("PE\0\0".utf8) + [0x64, 0xAA]
        image += [UInt8](repeating: 0, count: 0x1000 - image.count)
        return image + payload + [UInt8](repeating: 0x5A, count: 4096)
    }

    /// One of the flat guests with other flags in its header: bit 0 is the byte order, bits 1 and 2 are the page size.
    static func flat(_ name: String, flags: UInt8) throws -> [UInt8] {
        var image = try bytes("flat/\(name).bin")
        image[24] = image[24] & ~7 | flags
        return image
    }

    /// "Pad the file to the size of the uncompressed image in memory, including BSS."
    private static func padded(_ image: [UInt8]) -> [UInt8] {
        let size = image[16..<20].reversed().reduce(0) { $0 << 8 | Int($1) }
        return image + [UInt8](repeating: 0, count: max(0, size - image.count))
    }

    private static func zstd(_ bytes: [UInt8]) throws -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let size = ZSTD_compress(&frame, frame.count, bytes, bytes.count, 1)
        try #require(ZSTD_isError(size) == 0)
        return Array(frame.prefix(size))
    }

    private static func word(_ number: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// An EFI zboot image (vmlinuz.efi): an EFI program whose payload is the compressed kernel.
///
/// - SeeAlso: Linux, drivers/firmware/efi/libstub/zboot-header.S and Makefile.zboot
public struct ZbootImage: Equatable, Sendable {
    /// The offset of the payload in bytes.
    let offset: UInt64
    /// The payload's length in bytes.
    let size: UInt64
    /// The compression's name in the kernel's build: gzip, lz4, lzma, lzo, xzkern, zstd22.
    let compression: String

    /// Nil when it isn't a zboot image.
    /// - Parameter bytes: at least the first 64 bytes of the file.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes.starts(with: Array("MZ".utf8)), bytes[4..<8].elementsEqual("zimg".utf8) else {
            return nil
        }
        func word(_ offset: Int) -> UInt64 { (0..<4).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) } }
        offset = word(8)
        size = word(12)
        // The field ends at byte 56, where the kernel's own magic number is.
        compression = String(decoding: bytes[24..<56].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The payload, if Martlet can decompress it and the file contains all of it.
    /// - Throws: `MachineError.image`
    func payload(of file: BootFile) throws(MachineError) -> (payload: BootPayload, kind: KernelCompression) {
        guard offset >= 64, size > 0 else { throw .image(path: file.path, .implausiblePayload) }
        guard offset + size <= file.size else {
            throw .image(path: file.path, .truncated(bytes: file.size, expected: offset + size))
        }
        guard let kind = KernelCompression(zboot: compression) else {
            throw ForeignKernel.zboot(self).error(of: file.path)
        }
        return (BootPayload(file: file, range: offset..<offset + size), kind)
    }
}

/// The compressions that Martlet supports.
enum KernelCompression {
    case gzip, zstd

    /// Recognises the compression by the file's first bytes.
    init?(_ bytes: [UInt8]) {
        if GzipStream.hasMagic(bytes) {
            self = .gzip
        } else if ZstdFrames.hasMagic(bytes) {
            self = .zstd
        } else {
            return nil
        }
    }

    /// Recognises the compression by its name in a zboot header.
    init?(zboot name: String) {
        switch name {
        case "gzip": self = .gzip
        case "zstd22", "zstd": self = .zstd
        default: return nil
        }
    }
}

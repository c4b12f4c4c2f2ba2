// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Machine

@Suite struct ImageHeaderTests {
    private func fault(_ bytes: [UInt8]) -> ImageHeader.Problem? {
        do throws(ImageHeader.Problem) {
            _ = try ImageHeader(bytes)
            return nil
        } catch { return error }
    }

    @Test func `reads every field`() throws {
        let header = try ImageHeader(
            arm64Image(textOffset: 0x8_0000, imageSize: 0x12_3456_7000, flags: 0x1122_3344_5566_770A))
        #expect(header.textOffset == 0x8_0000)
        #expect(header.imageSize == 0x12_3456_7000)
        #expect(header.flags == 0x1122_3344_5566_770A)
    }

    @Test func `the header alone is enough`() throws {
        #expect(try ImageHeader(Array(arm64Image(imageSize: 1).prefix(64))).imageSize == 1)
    }

    /// booting.rst: "Prior to v3.17, the endianness of text_offset was not specified. In these cases image_size is zero
    /// and text_offset is 0x80000 [...]. Where image_size is zero, text_offset can be assumed to be 0x80000."
    @Test(arguments: [0, 0x8_0000, 0x0000_0800_0000_0000] as [UInt64])
    func `without an Image size the text offset is the old one`(textOffset: UInt64) throws {
        let header = try ImageHeader(arm64Image(textOffset: textOffset, imageSize: 0))
        #expect(header.textOffset == 0x8_0000)
        #expect(header.imageSize == 0)
    }

    @Test(arguments: [0, 1, 63])
    func `a short file is refused`(count: Int) {
        #expect(fault(Array(arm64Image(imageSize: 1).prefix(count))) == .short)
    }

    @Test(arguments: ["ARM\0", "armd", "\0\0\0\0", "ARMe"])
    func `another magic number is refused`(magic: String) {
        #expect(fault(arm64Image(imageSize: 1, magic: Array(magic.utf8))) == .notArm64)
    }

    @Test func `other files are refused`() {
        #expect(fault([0x7F] + Array("ELF".utf8) + [UInt8](repeating: 0, count: 100)) == .notArm64)
        #expect(fault([UInt8](repeating: 0, count: 4096)) == .notArm64)
    }

    @Test func `nonsense is refused before it overflows`() {
        #expect(fault(arm64Image(textOffset: 1 << 40, imageSize: 1)) == .implausible("text_offset"))
        #expect(fault(arm64Image(textOffset: .max, imageSize: 1)) == .implausible("text_offset"))
        #expect(fault(arm64Image(imageSize: 1 << 40)) == .implausible("image_size"))
        #expect(fault(arm64Image(imageSize: .max)) == .implausible("image_size"))
        #expect(fault(arm64Image(textOffset: (1 << 40) - 1, imageSize: (1 << 40) - 1)) == nil)
    }
}

@Suite struct PEImageTests {
    private func fileSize(_ bytes: [UInt8]) -> Int? { bytes.withUnsafeBytes(PEImage.fileSize) }

    @Test func `is the end of the last section`() {
        #expect(fileSize(peImage(sections: [(0x1000, 0x400), (0x800, 0x2000)])) == 0x2800)
        #expect(fileSize(peImage(sections: [(0x800, 0x2000), (0x1000, 0x400)])) == 0x2800)
        #expect(fileSize(peImage(sections: [])) == 0)
    }

    @Test func `what is no PE Image has none`() {
        #expect(fileSize([]) == nil)
        #expect(fileSize(arm64Image(imageSize: 1)) == nil)
        #expect(fileSize([0x4D, 0x5A]) == nil)
        var image = peImage(sections: [(1, 1)])
        image[0x40] = 0x51
        #expect(fileSize(image) == nil)
    }

    @Test func `every truncation is survived`() {
        let image = peImage(sections: [(0x1000, 0x400), (0x800, 0x2000)])
        for count in 0..<image.count { _ = fileSize(Array(image.prefix(count))) }
    }

    @Test func `absurd offsets are survived`() {
        var image = peImage(sections: [(1, 1)])
        for value in [0, 0xFF, 0x7F] as [UInt8] {
            image.replaceSubrange(60..<64, with: [value, value, value, value])
            _ = fileSize(image)
        }
        var sizes = peImage(sections: [(.max, .max)])
        #expect(fileSize(sizes) == 0x1_FFFF_FFFE)
        sizes.replaceSubrange(0x46..<0x48, with: [0xFF, 0xFF])
        #expect(fileSize(sizes) != nil)
    }
}

/// An arm64 Image that is also a PE executable with sections of these sizes and file offsets.
func peImage(sections: [(size: UInt32, offset: UInt32)], imageSize: UInt64 = 0x10_0000, fileSize: Int = 0) -> [UInt8] {
    var image = arm64Image(fileSize: 64, imageSize: imageSize)
    image.replaceSubrange(60..<64, with: littleEndian(UInt32(0x40)))
    // Signature and COFF header: machine, section count, three words, size of the optional header, characteristics.
    image += Array("PE\0\0".utf8) + littleEndian(UInt16(0xAA64)) + littleEndian(UInt16(sections.count))
    image += [UInt8](repeating: 0, count: 12) + littleEndian(UInt16(0xA0)) + littleEndian(UInt16(0x206))
    image += [UInt8](repeating: 0, count: 0xA0)
    for section in sections {
        // Name, virtual size and address, then what matters, then 16 more bytes.
        image += [UInt8](repeating: 0, count: 16) + littleEndian(section.size) + littleEndian(section.offset)
        image += [UInt8](repeating: 0, count: 16)
    }
    return image + [UInt8](repeating: 0xC0, count: max(0, fileSize - image.count))
}

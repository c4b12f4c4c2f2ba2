// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A file that isn't an arm64 Image: an Image can be made from it, or it is for another purpose.
public enum ForeignKernel: Equatable, Sendable {
    /// A compressed file: the format, and the program that decompresses it to its standard output.
    case compressed(String, program: String)
    /// A zboot image whose payload Martlet can't decompress.
    case zboot(ZbootImage)
    /// vmlinux, or another ELF file; the number is its e_machine.
    case elf(machine: UInt16)
    /// A kernel for x86.
    case bzImage
    /// A kernel for 32-bit Arm.
    case zImage
    /// U-Boot's old format: a header of 64 bytes, then the kernel.
    case uImage
    /// U-Boot's new format: a device tree that contains images.
    case fit
    case deviceTree
    case androidBoot
    /// An EFI program for arm64 that is neither an Image nor a zboot image.
    case efi

    /// How many bytes `init` needs at most.
    static let prefixSize = 4096

    /// Recognises a file; nil for an unknown one.
    /// - Parameter bytes: the first bytes of the file.
    init?(_ bytes: [UInt8]) {
        func has(_ text: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text) }
        func half(_ offset: Int) -> UInt16? {
            bytes.count >= offset + 2 ? UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 : nil
        }
        if let kind = Self.compressions.first(where: { has($0.magic) }) {
            self = .compressed(kind.name, program: kind.program)
        } else if has([0x7F] + Array("ELF".utf8)) {
            self = .elf(machine: half(18) ?? 0)
        } else if has(Array("HdrS".utf8), at: 0x202) {
            self = .bzImage
        } else if has([0x18, 0x28, 0x6F, 0x01], at: 36) {
            self = .zImage
        } else if has([0x27, 0x05, 0x19, 0x56]) {
            self = .uImage
        } else if has([0xD0, 0x0D, 0xFE, 0xED]) {
            self = Self.hasImages(bytes) ? .fit : .deviceTree
        } else if has(Array("ANDROID!".utf8)) {
            self = .androidBoot
        } else if has(Array("MZ".utf8)), bytes.count >= ImageHeader.size {
            self = .efi
        } else {
            return nil
        }
    }

    /// Whether a device tree has a node "images": its token, then its name (Devicetree Specification v0.4, 5.4.1).
    private static func hasImages(_ bytes: [UInt8]) -> Bool {
        let node: [UInt8] = [0, 0, 0, 1] + Array("images\0".utf8)
        return bytes.indices.contains { bytes[$0...].starts(with: node) }
    }

    /// The first bytes of compressed files, and the program that decompresses each.
    private static var compressions: [(magic: [UInt8], name: String, program: String)] {
        [
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz", "xz -dc"), ([0x42, 0x5A, 0x68], "bzip2", "bzip2 -dc"),
            ([0x02, 0x21, 0x4C, 0x18], "lz4", "lz4 -dc"), ([0x04, 0x22, 0x4D, 0x18], "lz4", "lz4 -dc"),
            ([0x89, 0x4C, 0x5A, 0x4F], "lzop", "lzop -dc"),
            // lzma has no magic number: these are the properties that the kernel's build uses, and a dictionary of
            // whole KiB.
            ([0x5D, 0x00, 0x00], "lzma", "xz --format=lzma -dc"),
        ]
    }

    /// The kind of the file, as text.
    var text: String {
        // 183 is EM_AARCH64 (ELF for the Arm 64-bit Architecture, 5.1).
        switch self {
        case .compressed(let name, _): "this is compressed with \(name), which Martlet doesn't support"
        case .zboot(let image):
            "this is an EFI zboot image compressed with \(image.compression), which Martlet doesn't support"
        case .elf(machine: 183): "this is an ELF file such as vmlinux, not an Image"
        case .elf: "this is an ELF file for another CPU than arm64"
        case .bzImage: "this is a kernel for x86 (bzImage)"
        case .zImage: "this is a kernel for 32-bit Arm (zImage)"
        case .uImage: "this is a U-Boot image (uImage)"
        case .fit: "this is a U-Boot FIT image"
        case .deviceTree: "this is a device tree, not a kernel"
        case .androidBoot: "this is an Android boot image"
        case .efi: "this is an EFI program without a Linux kernel's header, such as a unified kernel image"
        }
    }

    /// How to make an Image from the file at `path`.
    func remedy(_ path: String) -> String {
        let file = ShellText.quoted(path)
        switch self {
        case .compressed(_, let program): return "run: \(program) < \(file) > Image"
        case .zboot(let image):
            let name = image.compression == "xzkern" ? "xz" : image.compression
            let program = name == "lzo" ? "lzop -dc" : name == "lzma" ? "xz --format=lzma -dc" : "\(name) -dc"
            return "run: tail -c +\(image.offset + 1) \(file) | head -c \(image.size) | \(program) > Image"
        case .elf(machine: 183):
            return
                "run: aarch64-linux-gnu-objcopy -O binary -R .note -R .note.gnu.build-id -R .comment -S \(file) Image"
        case .elf, .bzImage, .zImage, .deviceTree: return MachineError.imageRemedy
        case .uImage: return "run: tail -c +65 \(file) > Image"
        case .fit:
            return
                "run: dumpimage -l \(file), then, with the kernel's number for N: "
                + "dumpimage -T flat_dt -p N -o Image \(file)"
        case .androidBoot: return "run: unpack_bootimg --boot_img \(file) --out DIR, then use DIR/kernel"
        case .efi: return "run: objcopy --dump-section .linux=Image \(file)"
        }
    }

    func error(of path: String) -> MachineError { .image(path: path, .foreign(self)) }
}

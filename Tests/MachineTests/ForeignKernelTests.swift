// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

/// Kernels in formats that others boot: the error names what a file is, and the command that makes an Image of it.
@Suite struct ForeignKernelTests {
    private let kernel = FakeKernel()

    private func error(_ file: [UInt8], path: String = "/boot/kernel") throws -> String {
        let ram = try #require(GuestRange(base: GuestAddress(0x8000_0000), size: 16 << 20))
        let memory = try GuestRAM([ram], system: kernel)
        kernel.withState { $0.files[path] = file }
        let loader = BootLoader(memory: memory, system: kernel, log: .silent)
        return machineError { () throws(MachineError) in
            try loader.load(
                try BootFiles(kernel: path, initrd: nil, system: kernel))
        }?.description ?? ""
    }

    /// `parts` at their offsets in a file of `count` bytes.
    private static func file(_ parts: [(offset: Int, bytes: [UInt8])], count: Int = 8192) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: count)
        for part in parts { file.replaceSubrange(part.offset..<part.offset + part.bytes.count, with: part.bytes) }
        return file
    }

    private static let elf: [UInt8] = [0x7F] + Array("ELF".utf8) + [2, 1, 1]

    static let formats: [(file: [UInt8], text: String, remedy: String)] = [
        (
            file([(0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0])]),
            "this is compressed with xz, which Martlet doesn\'t support",
            "run: xz -dc < /boot/kernel > Image"
        ),
        (
            file([(0, Array("BZh9".utf8))]), "this is compressed with bzip2, which Martlet doesn\'t support",
            "run: bzip2 -dc < /boot/kernel > Image"
        ),
        (
            file([(0, [0x02, 0x21, 0x4C, 0x18])]), "this is compressed with lz4, which Martlet doesn\'t support",
            "run: lz4 -dc < /boot/kernel > Image"
        ),
        (
            file([(0, [0x04, 0x22, 0x4D, 0x18])]), "this is compressed with lz4, which Martlet doesn\'t support",
            "run: lz4 -dc < /boot/kernel > Image"
        ),
        (
            file([(0, [0x89, 0x4C, 0x5A, 0x4F, 0])]), "this is compressed with lzop, which Martlet doesn\'t support",
            "run: lzop -dc < /boot/kernel > Image"
        ),
        (
            file([(0, [0x5D, 0, 0, 0x80, 0])]), "this is compressed with lzma, which Martlet doesn\'t support",
            "run: xz --format=lzma -dc < /boot/kernel > Image"
        ),
        (
            file([(0, elf), (18, [183, 0])]), "this is an ELF file such as vmlinux, not an Image",
            "run: aarch64-linux-gnu-objcopy -O binary -R .note -R .note.gnu.build-id -R .comment -S /boot/kernel Image"
        ),
        (file([(0, elf), (18, [62, 0])]), "this is an ELF file for another CPU than arm64", MachineError.imageRemedy),
        (
            file([(0, Array("MZ".utf8)), (0x1FE, [0x55, 0xAA]), (0x202, Array("HdrS".utf8))]),
            "this is a kernel for x86 (bzImage)", MachineError.imageRemedy
        ),
        (file([(36, [0x18, 0x28, 0x6F, 0x01])]), "this is a kernel for 32-bit Arm (zImage)", MachineError.imageRemedy),
        (
            file([(0, [0x27, 0x05, 0x19, 0x56])]), "this is a U-Boot image (uImage)",
            "run: tail -c +65 /boot/kernel > Image"
        ),
        (
            file([(0, [0xD0, 0x0D, 0xFE, 0xED]), (0x60, [0, 0, 0, 1] + Array("images\0".utf8))]),
            "this is a U-Boot FIT image",
            "run: dumpimage -l /boot/kernel, then, with the kernel's number for N: "
                + "dumpimage -T flat_dt -p N -o Image /boot/kernel"
        ),
        (
            file([(0, [0xD0, 0x0D, 0xFE, 0xED]), (0x60, [0, 0, 0, 1] + Array("cpus\0".utf8))]),
            "this is a device tree, not a kernel", MachineError.imageRemedy
        ),
        (
            file([(0, Array("ANDROID!".utf8))]), "this is an Android boot image",
            "run: unpack_bootimg --boot_img /boot/kernel --out DIR, then use DIR/kernel"
        ),
        (
            file([(0, Array("MZ".utf8)), (60, [0x80]), (0x80, Array("PE\0\0".utf8))]),
            "this is an EFI program without a Linux kernel's header, such as a unified kernel image",
            "run: objcopy --dump-section .linux=Image /boot/kernel"
        ),
    ]

    @Test(arguments: formats)
    func `what a file is and what to run is said`(file: [UInt8], text: String, remedy: String) throws {
        #expect(try error(file) == "boot-source.kernel_image_path: /boot/kernel: \(text)\n  \(remedy)")
    }

    @Test func `a format is known by its first bytes alone`() throws {
        #expect(try error([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]).contains("compressed with xz"))
        #expect(try error([0x7F] + Array("ELF".utf8)).contains("an ELF file for another CPU"))
        #expect(try error([0xD0, 0x0D, 0xFE, 0xED]).contains("this is a device tree, not a kernel"))
    }

    @Test func `a path is one word of the command`() throws {
        #expect(
            try error([0x42, 0x5A, 0x68], path: "/my kernel's").hasSuffix(
                #"run: bzip2 -dc < '/my kernel'\''s' > Image"#))
    }

    @Test func `random files are refused without a trap`() throws {
        var generator = SystemRandomNumberGenerator()
        for count in 0..<300 {
            let file = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(try error(file).hasPrefix("boot-source.kernel_image_path: /boot/kernel: "), "\(file)")
        }
    }
}

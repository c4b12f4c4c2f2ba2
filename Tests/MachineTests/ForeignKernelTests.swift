// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

/// Kernels in formats that others boot: the error has what a file is, from which it makes the command for an Image.
@Suite struct ForeignKernelTests {
    private let kernel = FakeKernel()

    private func error(_ file: [UInt8], path: String = "/boot/kernel") throws -> MachineError? {
        let ram = try #require(GuestRange(base: GuestAddress(0x8000_0000), size: 16 << 20))
        let memory = try GuestRAM([ram], system: kernel)
        kernel.withState { $0.files[path] = file }
        let loader = BootLoader(memory: memory, system: kernel, log: .silent)
        return machineError { () throws(MachineError) in
            try loader.load(
                try BootFiles(kernel: path, initrd: nil, system: kernel))
        }
    }

    /// `parts` at their offsets in a file of `count` bytes.
    private static func file(_ parts: [(offset: Int, bytes: [UInt8])], count: Int = 8192) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: count)
        for part in parts { file.replaceSubrange(part.offset..<part.offset + part.bytes.count, with: part.bytes) }
        return file
    }

    private static let elf: [UInt8] = [0x7F] + Array("ELF".utf8) + [2, 1, 1]

    static let formats: [([UInt8], ForeignKernel)] = [
        (file([(0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0])]), .compressed("xz", program: "xz -dc")),
        (file([(0, Array("BZh9".utf8))]), .compressed("bzip2", program: "bzip2 -dc")),
        (file([(0, [0x02, 0x21, 0x4C, 0x18])]), .compressed("lz4", program: "lz4 -dc")),
        (file([(0, [0x04, 0x22, 0x4D, 0x18])]), .compressed("lz4", program: "lz4 -dc")),
        (file([(0, [0x89, 0x4C, 0x5A, 0x4F, 0])]), .compressed("lzop", program: "lzop -dc")),
        (file([(0, [0x5D, 0, 0, 0x80, 0])]), .compressed("lzma", program: "xz --format=lzma -dc")),
        (file([(0, elf), (18, [183, 0])]), .elf(machine: 183)),
        (file([(0, elf), (18, [62, 0])]), .elf(machine: 62)),
        (file([(0, Array("MZ".utf8)), (0x1FE, [0x55, 0xAA]), (0x202, Array("HdrS".utf8))]), .bzImage),
        (file([(36, [0x18, 0x28, 0x6F, 0x01])]), .zImage),
        (file([(0, [0x27, 0x05, 0x19, 0x56])]), .uImage),
        (file([(0, [0xD0, 0x0D, 0xFE, 0xED]), (0x60, [0, 0, 0, 1] + Array("images\0".utf8))]), .fit),
        (file([(0, [0xD0, 0x0D, 0xFE, 0xED]), (0x60, [0, 0, 0, 1] + Array("cpus\0".utf8))]), .deviceTree),
        (file([(0, Array("ANDROID!".utf8))]), .androidBoot),
        (file([(0, Array("MZ".utf8)), (60, [0x80]), (0x80, Array("PE\0\0".utf8))]), .efi),
    ]

    @Test(arguments: formats)
    func `the format of a file is told`(file: [UInt8], format: ForeignKernel) throws {
        #expect(try error(file) == .image(path: "/boot/kernel", .foreign(format)))
    }

    @Test func `a format is known by its first bytes alone`() throws {
        let path = "/boot/kernel"
        #expect(
            try error([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0])
                == .image(path: path, .foreign(.compressed("xz", program: "xz -dc"))))
        #expect(try error([0x7F] + Array("ELF".utf8)) == .image(path: path, .foreign(.elf(machine: 0))))
        #expect(try error([0xD0, 0x0D, 0xFE, 0xED]) == .image(path: path, .foreign(.deviceTree)))
    }

    /// Quoted for the command; the error has it as it is.
    @Test func `a path of several words is the error's path`() throws {
        #expect(
            try error([0x42, 0x5A, 0x68], path: "/my kernel's")
                == .image(path: "/my kernel's", .foreign(.compressed("bzip2", program: "bzip2 -dc"))))
    }

    @Test func `random files are refused without a trap`() throws {
        var generator = SystemRandomNumberGenerator()
        for count in 0..<300 {
            let file = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            guard case .image(path: "/boot/kernel", _)? = try error(file) else {
                Issue.record("\(file)")
                continue
            }
        }
    }
}

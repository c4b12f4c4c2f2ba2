// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

/// Placement against Documentation/arch/arm64/booting.rst.
@Suite struct BootLoaderTests {
    private let kernel = FakeKernel()
    private let lines = LogLines()
    private let ram: GuestRange
    private let memory: GuestRAM
    private static let base: UInt64 = 0x8000_0000

    init() throws {
        ram = try #require(GuestRange(base: GuestAddress(Self.base), size: 16 << 20))
        memory = try GuestRAM([ram], system: kernel)
    }

    private func load(_ image: [UInt8], initrd: [UInt8]? = nil) throws(MachineError) -> BootLoader.Result {
        kernel.withState { state in
            state.files["/Image"] = image
            state.files["/initrd"] = initrd
        }
        return try BootLoader(memory: memory, system: kernel, log: lines.log)
            .load(
                try BootFiles(kernel: "/Image", initrd: initrd == nil ? nil : "/initrd", system: kernel))
    }

    private func error(_ image: [UInt8], initrd: [UInt8]? = nil) -> MachineError? {
        machineError { () throws(MachineError) in try load(image, initrd: initrd) }
    }

    /// How much is left, of an error that says that something doesn't fit.
    private func available(_ error: MachineError?) -> UInt64? {
        guard case .doesNotFit(_, _, let available)? = error else { return nil }
        return available
    }

    private func guestBytes(_ address: UInt64, _ count: Int) throws -> [UInt8] {
        Array(try #require(memory.bytes(at: GuestAddress(address), count: UInt64(count))))
    }

    // MARK: Placement

    @Test func `the kernel goes to the base with the initrd and the device tree behind it`() throws {
        let image = arm64Image(fileSize: 10_000, imageSize: 0x12_3456)
        let initrd = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
        let result = try load(image, initrd: initrd)
        #expect(result.entry.rawValue == Self.base)
        // At least image_size bytes are free for the kernel: its BSS is behind the file.
        #expect(result.initrd?.base.rawValue == Self.base + 0x12_4000)
        #expect(result.initrd?.size == 5000)
        #expect(result.deviceTree.rawValue == Self.base + 0x12_6000)
        #expect(try guestBytes(Self.base, image.count) == image)
        #expect(try guestBytes(Self.base + 0x12_4000, initrd.count) == initrd)
    }

    @Test(arguments: [0, 0x8_0000, 0x12_3000] as [UInt64])
    func `the kernel is text offset above the base`(textOffset: UInt64) throws {
        let image = arm64Image(fileSize: 5000, textOffset: textOffset, imageSize: 0x10_0000)
        let result = try load(image)
        #expect(result.entry.rawValue == Self.base + textOffset)
        #expect(Self.base % (2 << 20) == 0)
        #expect(result.deviceTree.rawValue == Self.base + textOffset + 0x10_0000)
        #expect(try guestBytes(Self.base + textOffset, image.count) == image)
    }

    @Test func `a file larger than its Image size has room too`() throws {
        let result = try load(arm64Image(fileSize: 0x2001, imageSize: 0x1000))
        #expect(result.deviceTree.rawValue == Self.base + 0x3000)
    }

    /// booting.rst: where image_size is zero, "a bootloader should attempt to keep as much memory as possible free for
    /// use by the kernel immediately after the end of the kernel image".
    @Test func `an old kernel without Image size has room for its BSS`() throws {
        let image = arm64Image(fileSize: 0x1000, imageSize: 0)
        let result = try load(image, initrd: [1, 2, 3])
        #expect(result.entry.rawValue == Self.base + 0x8_0000)
        #expect(try guestBytes(Self.base + 0x8_0000, image.count) == image)
        let initrd = try #require(result.initrd)
        #expect(initrd.base.rawValue >= Self.base + 0x8_1000 + (8 << 20))
        #expect(ram.contains(initrd))
    }

    /// "The device tree blob (dtb) must be placed on an 8-byte boundary"; with pages to themselves all three are.
    @Test func `everything begins on a page`() throws {
        let result = try load(arm64Image(imageSize: 0x1001), initrd: [1])
        #expect(try #require(result.initrd).base.isAligned(to: 4096))
        #expect(result.deviceTree.isAligned(to: 4096))
    }

    // MARK: What doesn't fit

    @Test func `a kernel that does not fit is refused`() {
        #expect(
            error(arm64Image(imageSize: (16 << 20) + 1))
                == .doesNotFit(what: "the kernel /Image", bytes: 16_777_217, available: 16_777_216))
        #expect(available(error(arm64Image(textOffset: 16 << 20, imageSize: 0x1000))) == 0)
        #expect(available(error(arm64Image(textOffset: (1 << 40) - 1, imageSize: (1 << 40) - 1))) == 0)
    }

    @Test func `an initrd that does not fit is refused`() {
        #expect(
            error(arm64Image(imageSize: 15 << 20), initrd: [UInt8](repeating: 1, count: (1 << 20) + 1))
                == .doesNotFit(what: "the initrd /initrd", bytes: 1_048_577, available: 1_048_576))
        #expect(available(error(arm64Image(imageSize: 16 << 20), initrd: [1])) == 0)
    }

    @Test func `an initrd that just fits is loaded`() throws {
        let initrd = [UInt8](repeating: 7, count: 1 << 20)
        let result = try load(arm64Image(imageSize: 15 << 20), initrd: initrd)
        #expect(result.initrd?.last == ram.last)
        // The device tree then has no room, which the machine finds when it writes it.
        #expect(!memory.write([1], at: result.deviceTree))
    }

    // MARK: Files

    @Test func `a missing file is named with its key`() {
        let loader = BootLoader(memory: memory, system: kernel, log: lines.log)
        let missing = machineError { () throws(MachineError) in
            try loader.load(
                try BootFiles(kernel: "/none", initrd: nil, system: kernel))
        }
        #expect(
            missing == .file(key: "boot-source.kernel_image_path", path: "/none", errno: .noSuchFileOrDirectory))
        kernel.withState { $0.files["/Image"] = arm64Image(imageSize: 0x1000) }
        let initrd = machineError { () throws(MachineError) in
            try loader.load(
                try BootFiles(kernel: "/Image", initrd: "/none", system: kernel))
        }
        #expect(initrd == .file(key: "boot-source.initrd_path", path: "/none", errno: .noSuchFileOrDirectory))
    }

    @Test func `an empty initrd is refused`() {
        #expect(
            error(arm64Image(imageSize: 0x1000), initrd: [])
                == .file(key: "boot-source.initrd_path", path: "/initrd", errno: .noData))
    }

    @Test func `a file that is no Image is refused with the remedy`() {
        #expect(
            error([UInt8](repeating: 0, count: 4096)) == .image(path: "/Image", .noImage))
        #expect(error([1, 2, 3]) == .image(path: "/Image", .shortHeader(3)))
        #expect(error([]) == .image(path: "/Image", .shortHeader(0)))
        #expect(error(arm64Image(imageSize: .max)) == .image(path: "/Image", .implausible(field: "image_size")))
    }

    /// Without a PE header only image_size says how long the file should be, which has the BSS in it.
    @Test func `a file of less than half its Image size is doubted`() throws {
        _ = try load(arm64Image(fileSize: 0x1000, imageSize: 0x2000))
        #expect(lines.all.isEmpty)
        _ = try load(arm64Image(fileSize: 0x1000, imageSize: 0x2002))
        #expect(
            lines.all == [
                "warning: boot-source.kernel_image_path: /Image: the file may be truncated: it has 4096 bytes, and its "
                    + "header says 8194 in memory (image_size)"
            ])
    }

    @Test func `a truncated PE Image is refused`() throws {
        let whole = peImage(sections: [(0x1000, 0x1000), (0x800, 0x2000)], fileSize: 0x2800)
        _ = try load(whole)
        #expect(
            error(Array(whole.dropLast())) == .image(path: "/Image", .truncated(bytes: 10239, expected: 10240)))
    }
}

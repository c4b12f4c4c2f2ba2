// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

/// An EFI zboot image as drivers/firmware/efi/libstub/zboot-header.S lays it out, with a stub of `stubSize` bytes
/// before and `tail` behind the payload.
private func zboot(
    _ payload: [UInt8], _ compression: String, stubSize: Int = 0x1000, tail: [UInt8] = Array("stub".utf8),
    size: UInt32? = nil, offset: UInt32? = nil
) -> [UInt8] {
    var image: [UInt8] = Array("MZ\0\0zimg".utf8)
    image += littleEndian(offset ?? UInt32(stubSize)) + littleEndian(size ?? UInt32(payload.count))
    image += [UInt8](repeating: 0, count: 8) + Array(compression.utf8)
    image += [UInt8](repeating: 0, count: 56 - image.count)
    // LINUX_PE_MAGIC, and where the PE header is.
    image += littleEndian(UInt32(0x8182_23CD)) + littleEndian(UInt32(64)) + Array("PE\0\0".utf8)
    image += [UInt8](repeating: 0x5A, count: stubSize - image.count)
    return image + payload + tail
}

@Suite struct ZbootImageTests {
    private let kernel = FakeKernel()
    private let lines = LogLines()
    private let memory: GuestRAM
    private let image = noisyImage()

    init() throws {
        let ram = try #require(GuestRange(base: GuestAddress(0x8000_0000), size: 16 << 20))
        memory = try GuestRAM([ram], system: kernel)
    }

    private func load(_ file: [UInt8]) throws(MachineError) -> BootLoader.Result {
        kernel.withState { $0.files["/vmlinuz"] = file }
        return try BootLoader(memory: memory, system: kernel, log: lines.log).load(
            try BootFiles(kernel: "/vmlinuz", initrd: nil, system: kernel))
    }

    private func error(_ file: [UInt8]) -> MachineError? {
        machineError { () throws(MachineError) in try load(file) }
    }

    /// Why the kernel is refused; nil for another error.
    private func problem(_ file: [UInt8]) -> KernelProblem? {
        guard case .image(path: "/vmlinuz", let problem)? = error(file) else { return nil }
        return problem
    }

    private func expectLoaded(_ file: [UInt8]) throws {
        let result = try load(file)
        #expect(result.entry.rawValue == 0x8000_0000)
        #expect(result.demands?.pageSize == 4096)
        let bytes = try #require(memory.bytes(at: result.entry, count: UInt64(image.count)))
        #expect(Array(bytes) == image)
        #expect(lines.all.isEmpty, "the stub behind the payload is no part of it: \(lines.all)")
    }

    @Test(arguments: [0x80, 0x1000, 300_000])
    func `a payload of gzip is loaded`(stubSize: Int) throws {
        try expectLoaded(zboot(try gzip(image), "gzip", stubSize: stubSize))
    }

    /// Makefile.zboot: the length is behind what zstd has made, and no part of the payload.
    @Test func `a payload of zstd is loaded`() throws {
        let size = littleEndian(UInt32(image.count))
        try expectLoaded(zboot(try zstd(image, hasSize: false), "zstd22", tail: size + Array("stub".utf8)))
    }

    @Test(arguments: [("lz4", "lz4 -dc"), ("lzma", "xz --format=lzma -dc"), ("lzo", "lzop -dc"), ("xzkern", "xz -dc")])
    func `another payload is named with the command that unpacks it`(compression: String, program: String) {
        #expect(
            error(zboot([1, 2, 3], compression))?.description == """
                boot-source.kernel_image_path: /vmlinuz: this is an EFI zboot image compressed with \(compression), which \
                Martlet doesn't support
                  run: tail -c +4097 /vmlinuz | head -c 3 | \(program) > Image
                """)
    }

    @Test func `a truncated file is refused`() throws {
        let whole = zboot(try gzip(image), "gzip", tail: [])
        #expect(
            problem(Array(whole.dropLast()))
                == .truncated(bytes: UInt64(whole.count - 1), expected: UInt64(whole.count)))
    }

    @Test func `a header that makes no sense is refused`() throws {
        let payload = try gzip(image)
        for bad in [
            zboot(payload, "gzip", size: 0), zboot(payload, "gzip", offset: 0), zboot(payload, "gzip", offset: 63),
        ] {
            #expect(problem(bad) == .implausiblePayload)
        }
        for file in [zboot(payload, "gzip", size: .max), zboot(payload, "gzip", size: .max, offset: .max)] {
            guard case .truncated? = problem(file) else {
                Issue.record("it isn't truncated")
                return
            }
        }
        #expect(problem(zboot(payload, "gzip", size: 100)) == .truncatedGzip)
        #expect(problem(zboot(payload, "zstd22")) == .noZstd)
        #expect(problem(zboot(try zstd(image), "gzip")) == .corruptGzip("incorrect header check"))
        guard case .foreign(.zboot(let found))? = problem(zboot(payload, String(repeating: "x", count: 32))) else {
            Issue.record("it isn't foreign")
            return
        }
        #expect(found.compression == String(repeating: "x", count: 32))
    }

    @Test func `what is inside must be an arm 64 Image`() throws {
        #expect(
            problem(zboot(try gzip([UInt8](repeating: 0, count: 4096)), "gzip")) == .noImage)
    }
}

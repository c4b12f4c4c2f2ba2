// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CZlib
import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

/// The bytes as a gzip file (RFC 1952): zlib's own stream in another wrapper.
func gzip(_ bytes: [UInt8], name: String? = nil) throws -> [UInt8] {
    var length = compressBound(uLong(bytes.count))
    var stream = [UInt8](repeating: 0, count: Int(length))
    try #require(compress2(&stream, &length, bytes, uLong(bytes.count), 6) == Z_OK)
    // Two bytes of header and four of Adler-32 are zlib's.
    let deflated = stream[2..<(Int(length) - 4)]
    let checksum = UInt32(truncatingIfNeeded: crc32(0, bytes, uInt(bytes.count)))
    let flags: UInt8 = name == nil ? 0 : 8
    let header: [UInt8] = [0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 3]
    return header + (name.map { Array($0.utf8) + [0] } ?? []) + deflated + littleEndian(checksum)
        + littleEndian(UInt32(truncatingIfNeeded: bytes.count))
}

@Suite struct GzipImageTests {
    private let kernel = FakeKernel()
    private let lines = LogLines()
    private let ram: GuestRange
    private let memory: GuestRAM
    private let image: [UInt8]

    init() throws {
        ram = try #require(GuestRange(base: GuestAddress(0x8000_0000), size: 16 << 20))
        memory = try GuestRAM([ram], system: kernel)
        image = noisyImage(textOffset: 0x1000)
    }

    private func load(_ file: [UInt8]) throws(MachineError) -> BootLoader.Result {
        kernel.withState { $0.files["/Image"] = file }
        return try BootLoader(memory: memory, system: kernel, log: lines.log).load(
            try BootFiles(kernel: "/Image", initrd: nil, system: kernel))
    }

    private func isCorrupt(_ problem: KernelProblem?) -> Bool {
        if case .corruptGzip = problem { true } else { false }
    }

    private func error(_ file: [UInt8]) -> MachineError? {
        machineError { () throws(MachineError) in try load(file) }
    }

    /// Why the kernel is refused; nil for another error.
    private func problem(_ file: [UInt8]) -> KernelProblem? {
        guard case .image(path: "/Image", let problem)? = error(file) else { return nil }
        return problem
    }

    @Test(arguments: [nil, "Image"])
    func `is decompressed to where it belongs`(name: String?) throws {
        let result = try load(try gzip(image, name: name))
        #expect(result.entry.rawValue == 0x8000_1000)
        #expect(result.deviceTree.rawValue == 0x8020_1000)
        let bytes = try #require(memory.bytes(at: result.entry, count: UInt64(image.count)))
        #expect(Array(bytes) == image)
    }

    private func expectLoaded(_ result: BootLoader.Result) throws {
        let bytes = try #require(memory.bytes(at: result.entry, count: UInt64(image.count)))
        #expect(Array(bytes) == image)
    }

    /// RFC 1952, 2.2: "A gzip file consists of a series of members". pigz and `cat a.gz b.gz` make such files.
    @Test(arguments: [1, 10, 63, 64, 65, 300_000, 900_000])
    func `all members of a file are read`(cut: Int) throws {
        let file = try gzip(Array(image[..<cut])) + gzip([]) + gzip(Array(image[cut...]), name: "rest")
        try expectLoaded(try load(file))
        #expect(lines.all.isEmpty)
    }

    /// Each cut of the stream's buffer, which has 256 KiB, through the two bytes that begin a member.
    @Test func `a member may begin anywhere in the buffer`() throws {
        let head = Array(image[..<64])
        let second = try gzip(Array(image[64...]))
        let rest = try gzip(head, name: "").count
        for count in (256 << 10) - 3...(256 << 10) + 3 {
            let first = try gzip(head, name: String(repeating: "n", count: count - rest))
            #expect(first.count == count)
            try expectLoaded(try load(first + second))
        }
    }

    @Test func `a member that is truncated or corrupt is refused`() throws {
        let file = try gzip(image)
        #expect(problem(file + file.prefix(100)) == .truncatedGzip)
        #expect(isCorrupt(problem(file + [0x1F, 0x8B, 0xFF, 1, 2, 3])))
    }

    @Test func `zeros behind the data are padding`() throws {
        try expectLoaded(try load(try gzip(image) + [UInt8](repeating: 0, count: 1000)))
        #expect(lines.all.isEmpty)
    }

    /// As gzip(1): "decompression OK, trailing garbage ignored".
    @Test(arguments: [[1], [0x1F], [0, 0, 7], Array("signature".utf8)] as [[UInt8]])
    func `anything else behind the data is ignored with a warning`(bytes: [UInt8]) throws {
        try expectLoaded(try load(try gzip(image) + bytes))
        #expect(
            lines.all == [
                "warning: boot-source.kernel_image_path: /Image: Martlet ignores the data after the compressed kernel"
            ])
    }

    @Test func `a truncated file is refused`() throws {
        let file = try gzip(image)
        for count in [2, 10, 20, 1000, file.count / 2, file.count - 9, file.count - 1] {
            #expect(problem(Array(file.prefix(count))) == .truncatedGzip, "\(count)")
        }
    }

    @Test func `a corrupt file is refused`() throws {
        let file = try gzip(image)
        for offset in [2, 3, file.count / 2, file.count - 8, file.count - 1] {
            var bad = file
            bad[offset] ^= 0xFF
            let problem = problem(bad)
            #expect(isCorrupt(problem) || problem == .truncatedGzip, "\(offset): \(String(describing: problem))")
        }
    }

    @Test func `a file that unpacks to more than memory is refused`() throws {
        let bomb = try gzip(arm64Image(fileSize: 17 << 20, imageSize: 0x1000))
        #expect(bomb.count < 100_000)
        guard case .doesNotFit(what: "the kernel /Image", _, _)? = error(bomb) else {
            Issue.record("it fits")
            return
        }
    }

    @Test func `a header that asks for more than memory is refused`() throws {
        #expect(
            error(try gzip(arm64Image(imageSize: 17 << 20)))
                == .doesNotFit(what: "the kernel /Image", bytes: 17_825_792, available: 16_777_216))
        guard
            case .doesNotFit(what: "the kernel /Image", _, available: 0)? =
                error(try gzip(arm64Image(textOffset: 16 << 20, imageSize: 0x1000)))
        else {
            Issue.record("it fits")
            return
        }
    }

    @Test func `what is inside must be an Image`() throws {
        #expect(problem(try gzip([UInt8](repeating: 0, count: 4096))) == .noImage)
        #expect(problem(try gzip([1, 2, 3])) == .shortHeader(3))
        #expect(problem(try gzip([])) == .shortHeader(0))
    }

    @Test func `a truncated PE Image inside is refused`() throws {
        let whole = peImage(sections: [(0x800, 0x2000)], fileSize: 0x2800)
        _ = try load(try gzip(whole))
        #expect(
            problem(try gzip(Array(whole.dropLast()))) == .truncated(bytes: 10239, expected: 10240))
    }

    @Test func `an Image of the header alone is loaded`() throws {
        let result = try load(try gzip(arm64Image(fileSize: 64, imageSize: 0x1000)))
        #expect(result.deviceTree.rawValue == 0x8000_1000)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CZstd
import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Machine

/// The bytes as one Zstandard frame.
/// - Parameter options: parameters of the compression.
func zstd(_ bytes: [UInt8], _ options: [(ZSTD_cParameter, CInt)] = [], hasSize: Bool = true) throws -> [UInt8] {
    let context = try #require(ZSTD_createCCtx())
    defer { ZSTD_freeCCtx(context) }
    for (parameter, value) in options + [(ZSTD_c_contentSizeFlag, hasSize ? 1 : 0)] {
        try #require(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0)
    }
    var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let size = ZSTD_compress2(context, &frame, frame.count, bytes, bytes.count)
    try #require(ZSTD_isError(size) == 0)
    return Array(frame.prefix(size))
}

@Suite struct ZstdImageTests {
    private let kernel = FakeKernel()
    private let lines = LogLines()
    private let memory: GuestRAM
    private let image: [UInt8]

    init() throws {
        let ram = try #require(GuestRange(base: GuestAddress(0x8000_0000), size: 16 << 20))
        memory = try GuestRAM([ram], system: kernel)
        image = noisyImage(textOffset: 0x1000)
    }

    private func load(_ file: [UInt8]) throws(MachineError) -> BootLoader.Result {
        kernel.withState { $0.files["/Image"] = file }
        return try BootLoader(memory: memory, system: kernel, log: lines.log).load(
            try BootFiles(kernel: "/Image", initrd: nil, system: kernel))
    }

    /// The bytes that the kernel needs, of an error that says that they are too many.
    private func needed(_ error: MachineError?) -> UInt64? {
        guard case .doesNotFit(what: "the kernel /Image", let bytes, _)? = error else { return nil }
        return bytes
    }

    private func error(_ file: [UInt8]) -> MachineError? {
        machineError { () throws(MachineError) in try load(file) }
    }

    /// Why the kernel is refused; nil for another error.
    private func problem(_ file: [UInt8]) -> KernelProblem? {
        guard case .image(path: "/Image", let problem)? = error(file) else { return nil }
        return problem
    }

    private func expectLoaded(_ file: [UInt8]) throws {
        let result = try load(file)
        #expect(result.entry.rawValue == 0x8000_1000)
        #expect(result.deviceTree.rawValue == 0x8020_1000)
        let bytes = try #require(memory.bytes(at: result.entry, count: UInt64(image.count)))
        #expect(Array(bytes) == image)
        // Only the RAM itself is left: neither the input nor its file.
        #expect(kernel.held.count == 1, "\(kernel.held)")
    }

    /// The kernel's build compresses with -22 --ultra from a pipe: a window of 128 MiB, and no size in the header.
    @Test func `what the kernels build makes is loaded`() throws {
        try expectLoaded(
            try zstd(image, [(ZSTD_c_compressionLevel, 19), (ZSTD_c_windowLog, 27)], hasSize: false))
        #expect(lines.all.isEmpty)
    }

    @Test(
        arguments: [
            [], [(ZSTD_c_checksumFlag, 1)], [(ZSTD_c_windowLog, 10)], [(ZSTD_c_compressionLevel, -5)],
        ] as [[(ZSTD_cParameter, CInt)]])
    func `frames of other kinds are loaded`(options: [(ZSTD_cParameter, CInt)]) throws {
        try expectLoaded(try zstd(image, options))
    }

    @Test(arguments: [1, 64, 500_000])
    func `all frames of a file are read`(cut: Int) throws {
        // RFC 8878, 3.1.2: a skippable frame, whose length is 3.
        let skippable: [UInt8] = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9]
        try expectLoaded(try zstd(Array(image[..<cut])) + skippable + zstd(Array(image[cut...])))
        #expect(lines.all.isEmpty)
    }

    @Test func `what follows the frames is padding or ignored`() throws {
        try expectLoaded(try zstd(image) + [0, 0, 0, 0, 0])
        #expect(lines.all.isEmpty)
        try expectLoaded(try zstd(image) + [1, 2])
        #expect(
            lines.all.count == 1
                && lines.all.first?.contains("Martlet ignores the data after the compressed kernel") == true)
    }

    @Test func `a truncated file is refused`() throws {
        let file = try zstd(image)
        for count in [4, 5, 20, file.count / 2, file.count - 1] {
            #expect(problem(Array(file.prefix(count))) == .truncatedZstd, "\(count)")
        }
    }

    @Test func `a corrupt file is refused`() throws {
        let file = try zstd(image, [(ZSTD_c_checksumFlag, 1)])
        for offset in [4, file.count / 2, file.count - 1] {
            var bad = file
            bad[offset] ^= 0xFF
            switch problem(bad) {
            case .corruptZstd, .truncatedZstd, .noZstd: break
            case let other: Issue.record("\(String(describing: other))")
            }
        }
        // Held until the end of the load, however it ends.
        #expect(kernel.held.count == 1)
    }

    @Test func `what is larger than memory is refused`() throws {
        let bomb = try zstd(arm64Image(fileSize: 17 << 20, imageSize: 0x1000))
        #expect(bomb.count < 100_000)
        #expect(needed(error(bomb)) == 16_777_217)
        // Not even the input is read then.
        #expect(needed(error(try zstd(image) + [UInt8](repeating: 0, count: 16 << 20))) != nil)
        #expect(needed(error(try zstd(arm64Image(imageSize: 17 << 20)))) == 17_825_792)
    }

    @Test func `what is inside must be an Image`() throws {
        #expect(problem(try zstd([UInt8](repeating: 0, count: 4096))) == .noImage)
        #expect(problem(try zstd([1, 2, 3])) == .shortHeader(3))
        #expect(problem(try zstd([])) == .shortHeader(0))
    }

    @Test func `without memory for the input the call is named`() throws {
        let file = try zstd(image)
        kernel.withState { $0.files["/Image"] = file }
        let loader = BootLoader(memory: memory, system: kernel, log: lines.log)
        kernel.withState { $0.beforeCall = { $0.hasSuffix("martlet-kernel") ? .noMemory : nil } }
        let error = machineError { () throws(MachineError) in
            try loader.load(
                try BootFiles(kernel: "/Image", initrd: nil, system: kernel))
        }
        #expect(error?.description == "memfd_create for the kernel /Image: ENOMEM (Cannot allocate memory)")
    }
}

/// An Image of 64 bytes and 1 MiB that is larger than what loaders read at once, and isn't compressed to nothing.
func noisyImage(textOffset: UInt64 = 0) -> [UInt8] {
    var noise: UInt32 = 1
    return arm64Image(fileSize: 64, textOffset: textOffset, imageSize: 0x20_0000)
        + (0..<1 << 20).map { _ in
            noise = noise &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: noise >> 29)
        }
}

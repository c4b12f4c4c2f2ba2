// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import GuestMemory
internal import LinuxSystem
internal import PlatformBus

/// Loads kernel and initrd into guest memory, and reports their addresses.
///
/// The kernel goes to `text_offset` above the RAM base (2 MiB aligned). The initrd follows the memory that the kernel's
/// header asks for, which includes its BSS; the device tree follows the initrd. Keeping them together touches the
/// fewest huge pages. All lie within the 1 GiB aligned window of at most 32 GiB that booting.rst requires, as long as
/// RAM's beginning does. With several banks of RAM, each goes to the bank of the previous one if it fits there,
/// otherwise to the first bank in which it fits.
///
/// - SeeAlso: Documentation/arch/arm64/booting.rst
struct BootLoader {
    /// The facts for the boot CPU and the device tree.
    struct Result: Equatable {
        /// The address of the kernel's first instruction.
        let entry: GuestAddress
        /// The place of the initrd; nil without one.
        let initrd: GuestRange?
        /// The first free address for the device tree.
        let deviceTree: GuestAddress
        /// What the kernel requires of the CPU; nil when it isn't known.
        var demands: KernelDemands?
    }

    /// A kernel in guest memory.
    private struct Kernel {
        let range: GuestRange
        let demands: KernelDemands
    }

    private let memory: GuestRAM
    private let system: any SystemCalls
    private let log: Log
    private var room: BootRoom

    init(memory: GuestRAM, system: any SystemCalls, log: Log) {
        self.memory = memory
        self.system = system
        self.log = log
        room = BootRoom(banks: memory.banks.map(\.range))
    }

    private static let pageSize: UInt64 = 4096
    /// The kernel goes to its text_offset above a multiple of this.
    private static let kernelAlignment: UInt64 = 2 << 20
    /// "must not exceed 2 megabytes in size"
    static let deviceTreeLimit: UInt64 = 2 << 20

    func load(_ files: BootFiles) throws(MachineError) -> Result {
        var loader = self
        return try loader.loadAll(files)
    }

    private mutating func loadAll(_ files: BootFiles) throws(MachineError) -> Result {
        let kernel = try loadKernel(files.kernel)
        var disk: GuestRange?
        if let initrd = files.initrd { disk = try loadInitrd(initrd, with: kernel.range) }
        return Result(
            entry: kernel.range.base, initrd: disk,
            deviceTree: try room.place(
                "the device tree", Self.deviceTreeLimit, isLimit: true, alignment: Self.pageSize),
            demands: kernel.demands)
    }

    private mutating func loadInitrd(_ file: BootFile, with kernel: GuestRange) throws(MachineError) -> GuestRange {
        let path = file.path
        guard file.size > 0 else { throw .file(key: file.key, path: path, errno: .noData) }
        let base = try room.place("the initrd \(path)", file.size, alignment: Self.pageSize, with: kernel)
        guard let range = GuestRange(base: base, size: file.size), let target = memory.bytes(at: base, count: file.size)
        else { throw room.failure("the initrd \(path)", file.size, from: base) }
        let count = try file.read(into: target, at: 0)
        guard count == target.count else { throw .file(key: file.key, path: path, errno: .ioError) }
        room.take(range)
        return range
    }

    private mutating func loadKernel(_ file: BootFile) throws(MachineError) -> Kernel {
        let path = file.path
        let start = try file.prefix(ImageHeader.size)
        // A compressed image has the header inside.
        guard ImageHeader.hasMagic(start) else { return try loadOther(file, start) }
        let header = try parse(start, path)
        let size = max(file.size, header.imageSize)
        let entry = try room.place(
            "the kernel \(path)", size, alignment: Self.kernelAlignment, offset: header.textOffset)
        guard let target = memory.bytes(at: entry, count: size) else {
            throw room.failure("the kernel \(path)", size, from: entry)
        }
        // Safety: the file's bytes are a prefix of target, which is at least as long.
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<Int(file.size)]), at: 0)
        try checkComplete(target, count: count, expected: Int(file.size), header, path)
        return try take(entry, header, size: file.size, path)
    }

    /// Loads a kernel that isn't a plain Image.
    private mutating func loadOther(_ file: BootFile, _ start: [UInt8]) throws(MachineError) -> Kernel {
        if let zboot = ZbootImage(start) {
            let (payload, kind) = try zboot.payload(of: file)
            return try loadCompressed(payload, kind)
        }
        if let kind = KernelCompression(start) {
            return try loadCompressed(BootPayload(file: file, range: 0..<file.size), kind)
        }
        if let kind = ForeignKernel(try file.prefix(ForeignKernel.prefixSize)) { throw kind.error(of: file.path) }
        // Throws the problem of the header.
        _ = try parse(start, file.path)
        throw .image(path: file.path, .noImage)
    }

    private mutating func loadCompressed(
        _ payload: BootPayload, _ kind: KernelCompression
    ) throws(MachineError) -> Kernel {
        let path = payload.file.path
        let what = "the kernel \(path)"
        // The image's place depends on its header, which isn't known before it is decompressed. Until then, the image
        // is where most room is.
        let first = try room.place(what, .max, isLimit: true, alignment: Self.kernelAlignment)
        guard let space = memory.bytes(at: first, count: room.left(from: first)) else {
            throw room.failure(what, UInt64(ImageHeader.size), from: first)
        }
        let result: UnpackedPayload
        switch kind {
        case .gzip:
            var stream = try GzipStream(payload)
            result = try stream.unpack(into: space)
        case .zstd: result = try ZstdFrames.unpack(payload, into: space, system: system)
        }
        guard result.isWhole else { throw room.failure(what, UInt64(space.count) + 1, from: first) }
        if result.hasTrailingBytes {
            log(.warning, "\(payload.file.key): \(path): Martlet ignores the data after the compressed kernel")
        }
        let header = try parse(Array(space.prefix(min(result.count, ImageHeader.size))), path)
        let size = max(UInt64(result.count), header.imageSize)
        let entry = try room.place(what, size, alignment: Self.kernelAlignment, offset: header.textOffset)
        guard let target = memory.bytes(at: entry, count: size) else { throw room.failure(what, size, from: entry) }
        // Safety: both have at least result.count bytes, and they may overlap.
        if entry != first { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: space[..<result.count])) }
        try checkComplete(target, count: result.count, expected: result.count, header, path)
        return try take(entry, header, size: UInt64(result.count), path)
    }

    /// Marks the kernel's memory as taken.
    private mutating func take(
        _ entry: GuestAddress, _ header: ImageHeader, size: UInt64, _ path: String
    ) throws(MachineError) -> Kernel {
        let size = header.footprint(fileSize: size)
        guard let range = GuestRange(base: entry, size: size) else {
            throw room.failure("the kernel", size, from: entry)
        }
        room.take(range)
        return Kernel(range: range, demands: KernelDemands(flags: header.flags, path: path))
    }

    private func parse(_ bytes: [UInt8], _ path: String) throws(MachineError) -> ImageHeader {
        do { return try ImageHeader(bytes) } catch {
            throw .image(path: path, error.kernelProblem(byteCount: bytes.count))
        }
    }

    /// Checks that the file is complete. An image that is also a PE executable has its file's length in its headers. A
    /// plain image has only its size in memory, most of which comes from the file.
    private func checkComplete(
        _ image: UnsafeMutableRawBufferPointer, count: Int, expected: Int, _ header: ImageHeader, _ path: String
    ) throws(MachineError) {
        guard count == expected else {
            throw .image(path: path, .truncated(bytes: UInt64(count), expected: UInt64(expected)))
        }
        let bytes = UnsafeRawBufferPointer(image)
        if let needed = PEImage.fileSize(bytes) {
            if needed > count { throw .image(path: path, .truncated(bytes: UInt64(count), expected: UInt64(needed))) }
        } else if UInt64(count) < header.imageSize / 2 {
            log(
                .warning,
                "boot-source.kernel_image_path: \(path): the file may be truncated: it has \(count) bytes, and "
                    + "its header says \(header.imageSize) in memory (image_size)")
        }
    }
}

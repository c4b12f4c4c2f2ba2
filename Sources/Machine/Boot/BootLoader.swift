// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import PlatformBus

/// Puts kernel and initrd into guest memory, and says where they went.
///
/// The kernel goes to `text_offset` above the RAM base (2 MiB aligned); the initrd follows what the kernel says that it
/// takes, its BSS included; the device tree follows the initrd. Keeping them together touches the fewest huge pages, and
/// all lie within the 1 GiB aligned window of at most 32 GiB that booting.rst asks for as long as RAM's beginning does. Where RAM
/// is in several banks, each goes to the bank of the one before it if it fits there, or to the first in which it does.
///
/// - SeeAlso: Documentation/arch/arm64/booting.rst
struct BootLoader {
    /// What the boot CPU and the device tree need to know.
    struct Result: Equatable {
        /// The address of the kernel's first instruction.
        let entry: GuestAddress
        /// Where the initrd went; nil without one.
        let initrd: GuestRange?
        /// The first address that is free for the device tree.
        let deviceTree: GuestAddress
    }

    private let memory: GuestMemory
    private let system: any SystemCalls
    private var room: BootRoom

    init(memory: GuestMemory, system: any SystemCalls) {
        self.memory = memory
        self.system = system
        room = BootRoom(banks: memory.banks.map(\.range))
    }

    private static let pageSize: UInt64 = 4096
    /// A kernel's base is a multiple of it, above which it goes to its text_offset.
    private static let kernelAlignment: UInt64 = 2 << 20
    /// "must not exceed 2 megabytes in size"
    static let deviceTreeLimit: UInt64 = 2 << 20

    func load(kernel: String, initrd: String?) throws(MachineError) -> Result {
        var loader = self
        return try loader.loadAll(kernel, initrd)
    }

    private mutating func loadAll(_ kernel: String, _ initrd: String?) throws(MachineError) -> Result {
        let kernel = try loadKernel(kernel)
        var disk: GuestRange?
        if let initrd { disk = try loadInitrd(initrd, with: kernel) }
        return Result(
            entry: kernel.base, initrd: disk,
            deviceTree: try room.place("the device tree", Self.deviceTreeLimit, isLimit: true, alignment: Self.pageSize)
        )
    }

    private mutating func loadInitrd(_ path: String, with kernel: GuestRange) throws(MachineError) -> GuestRange {
        let file = try BootFile(key: "boot-source.initrd_path", path: path, system: system)
        guard file.size > 0 else { throw .file(key: file.key, path: path, errno: .noData) }
        let base = try room.place("the initrd \(path)", file.size, alignment: Self.pageSize, with: kernel)
        guard let range = GuestRange(base: base, size: file.size), let target = memory.bytes(at: base, count: file.size)
        else { throw room.failure("the initrd \(path)", file.size, from: base) }
        let count = try file.read(into: target, at: 0)
        guard count == target.count else { throw .file(key: file.key, path: path, errno: .ioError) }
        room.take(range)
        return range
    }

    /// - Returns: what the kernel takes in memory.
    private mutating func loadKernel(_ path: String) throws(MachineError) -> GuestRange {
        let file = try BootFile(key: "boot-source.kernel_image_path", path: path, system: system)
        let start = try file.prefix(ImageHeader.size)
        if GzipStream.hasMagic(start) { return try loadCompressed(file) }
        let header = try parse(start, path)
        let size = max(file.size, header.imageSize)
        let entry = try room.place(
            "the kernel \(path)", size, alignment: Self.kernelAlignment, offset: header.textOffset)
        guard let target = memory.bytes(at: entry, count: size) else {
            throw room.failure("the kernel \(path)", size, from: entry)
        }
        // Safety: the file's bytes are a prefix of target, which is at least as long.
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<Int(file.size)]), at: 0)
        try checkComplete(target, count: count, expected: Int(file.size), path)
        return try take(entry, header.footprint(fileSize: file.size))
    }

    private mutating func loadCompressed(_ file: BootFile) throws(MachineError) -> GuestRange {
        var stream: GzipStream
        do { stream = try GzipStream() } catch { throw .image(path: file.path, "zlib can't be started") }
        // Where the image goes is in its header, so the first 64 bytes are decompressed on the side.
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ImageHeader.size, alignment: 16)
        defer { scratch.deallocate() }
        let count = try stream.read(into: scratch, from: file)
        let header = try parse(Array(scratch.prefix(count)), file.path)
        // Something is behind the header, whatever it says.
        let needed = max(UInt64(ImageHeader.size) + 1, header.imageSize)
        let entry = try self.room.place(
            "the kernel \(file.path)", needed, alignment: Self.kernelAlignment, offset: header.textOffset)
        guard let room = memory.bytes(at: entry, count: self.room.left(from: entry)), room.count >= needed else {
            throw self.room.failure("the kernel \(file.path)", header.imageSize, from: entry)
        }
        // Safety: room is larger than the header; the rest of the stream is bounded by what is left of it.
        room.copyMemory(from: UnsafeRawBufferPointer(scratch))
        let rest = UnsafeMutableRawBufferPointer(rebasing: room[ImageHeader.size...])
        let size = ImageHeader.size + (try stream.read(into: rest, from: file))
        guard stream.isAtEnd else {
            throw self.room.failure("the kernel \(file.path)", UInt64(room.count) + 1, from: entry)
        }
        try checkComplete(room, count: size, expected: size, file.path)
        return try take(entry, header.footprint(fileSize: UInt64(size)))
    }

    private mutating func take(_ entry: GuestAddress, _ size: UInt64) throws(MachineError) -> GuestRange {
        guard let range = GuestRange(base: entry, size: size) else {
            throw room.failure("the kernel", size, from: entry)
        }
        room.take(range)
        return range
    }

    private func parse(_ bytes: [UInt8], _ path: String) throws(MachineError) -> ImageHeader {
        do { return try ImageHeader(bytes) } catch {
            switch error {
            case .short:
                throw .image(path: path, "\(bytes.count) bytes are too few for the header: the file is truncated")
            case .notArm64: throw .image(path: path, "no arm64 Linux Image: the magic number at byte 56 is missing")
            case .compressed(let kind): throw .image(path: path, "compressed with \(kind), which Martlet can't read")
            case .implausible(let field): throw .image(path: path, "the header's \(field) is implausible")
            }
        }
    }

    /// An image that is also a PE executable says how long its file must be; a plain one doesn't.
    private func checkComplete(
        _ image: UnsafeMutableRawBufferPointer, count: Int, expected: Int, _ path: String
    ) throws(MachineError) {
        guard count == expected else {
            throw .image(path: path, "\(count) of \(expected) bytes: the file is truncated")
        }
        let bytes = UnsafeRawBufferPointer(image)
        if let needed = PEImage.fileSize(bytes), needed > count {
            throw .image(path: path, "\(count) of \(needed) bytes: the file is truncated")
        }
    }
}

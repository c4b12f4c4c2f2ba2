// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import PlatformBus

/// Puts kernel and initrd into guest memory, and says where they went.
///
/// The kernel goes to `text_offset` above the RAM base (2 MiB aligned); the initrd follows what the kernel says that it
/// takes, its BSS included; the device tree follows the initrd. Keeping them together touches the fewest huge pages, and
/// all lie within the 1 GiB aligned window of at most 32 GiB that booting.rst asks for as long as RAM's beginning does.
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

    let memory: GuestMemory
    let ram: GuestRange
    let system: any SystemCalls

    private static let pageSize: UInt64 = 4096
    /// "must not exceed 2 megabytes in size"
    static let deviceTreeLimit: UInt64 = 2 << 20

    func load(kernel: String, initrd: String?) throws(MachineError) -> Result {
        let (entry, kernelEnd) = try loadKernel(kernel)
        guard let initrd else {
            return Result(entry: entry, initrd: nil, deviceTree: try place(after: kernelEnd))
        }
        let range = try loadInitrd(initrd, at: try place(after: kernelEnd))
        guard let end = range.last.adding(1) else { throw noRoom("the device tree", Self.deviceTreeLimit, range.last) }
        return Result(entry: entry, initrd: range, deviceTree: try place(after: end))
    }

    private func place(after end: GuestAddress) throws(MachineError) -> GuestAddress {
        guard let address = end.aligned(to: Self.pageSize) else { throw noRoom("the boot files", 0, end) }
        return address
    }

    private func noRoom(_ what: String, _ bytes: UInt64, _ from: GuestAddress) -> MachineError {
        let available = from > ram.last ? 0 : ram.last.rawValue - from.rawValue + 1
        return .doesNotFit(what: what, bytes: bytes, available: available)
    }

    private func loadInitrd(_ path: String, at address: GuestAddress) throws(MachineError) -> GuestRange {
        let file = try BootFile(key: "boot-source.initrd_path", path: path, system: system)
        guard let range = GuestRange(base: address, size: file.size) else {
            throw .file(key: file.key, path: path, errno: .noData)
        }
        guard let target = memory.bytes(at: address, count: file.size) else {
            throw noRoom("the initrd \(path)", file.size, address)
        }
        let count = try file.read(into: target, at: 0)
        guard count == target.count else { throw .file(key: file.key, path: path, errno: .ioError) }
        return range
    }

    private func loadKernel(_ path: String) throws(MachineError) -> (entry: GuestAddress, end: GuestAddress) {
        let file = try BootFile(key: "boot-source.kernel_image_path", path: path, system: system)
        let start = try file.prefix(ImageHeader.size)
        if GzipStream.hasMagic(start) { return try loadCompressed(file) }
        let header = try parse(start, path)
        let entry = try address(of: header, path)
        guard let target = memory.bytes(at: entry, count: max(file.size, header.imageSize)) else {
            throw noRoom("the kernel \(path)", max(file.size, header.imageSize), entry)
        }
        // Safety: the file's bytes are a prefix of target, which is at least as long.
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<Int(file.size)]), at: 0)
        try checkComplete(target, count: count, expected: Int(file.size), path)
        return (entry, try end(entry, header.footprint(fileSize: file.size)))
    }

    private func loadCompressed(_ file: BootFile) throws(MachineError) -> (GuestAddress, GuestAddress) {
        var stream: GzipStream
        do { stream = try GzipStream() } catch { throw .image(path: file.path, "zlib can't be started") }
        // Where the image goes is in its header, so the first 64 bytes are decompressed on the side.
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ImageHeader.size, alignment: 16)
        defer { scratch.deallocate() }
        let count = try stream.read(into: scratch, from: file)
        let header = try parse(Array(scratch.prefix(count)), file.path)
        let entry = try address(of: header, file.path)
        guard entry <= ram.last,
            let room = memory.bytes(at: entry, count: ram.last.rawValue - entry.rawValue + 1),
            room.count > max(ImageHeader.size, Int(clamping: header.imageSize))
        else { throw noRoom("the kernel \(file.path)", header.imageSize, entry) }
        // Safety: room is larger than the header; the rest of the stream is bounded by what is left of it.
        room.copyMemory(from: UnsafeRawBufferPointer(scratch))
        let rest = UnsafeMutableRawBufferPointer(rebasing: room[ImageHeader.size...])
        let size = ImageHeader.size + (try stream.read(into: rest, from: file))
        guard stream.isAtEnd else { throw noRoom("the kernel \(file.path)", UInt64(room.count) + 1, entry) }
        try checkComplete(room, count: size, expected: size, file.path)
        return (entry, try end(entry, header.footprint(fileSize: UInt64(size))))
    }

    private func end(_ entry: GuestAddress, _ size: UInt64) throws(MachineError) -> GuestAddress {
        guard let end = entry.adding(size) else { throw noRoom("the kernel", size, entry) }
        return end
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

    private func address(of header: ImageHeader, _ path: String) throws(MachineError) -> GuestAddress {
        guard let address = ram.base.adding(header.textOffset) else {
            throw .image(path: path, "the header's text_offset is implausible")
        }
        return address
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

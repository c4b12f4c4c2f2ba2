// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CZstd
internal import LinuxSystem

/// Decompresses Zstandard frames directly into guest memory, which also serves as the window: no second copy is needed.
///
/// - SeeAlso: RFC 8878, 3. Compression Algorithm; zstd.h
enum ZstdFrames {
    /// Whether the bytes begin with the frame's magic number.
    static func hasMagic(_ bytes: some Sequence<UInt8>) -> Bool { bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) }

    /// Whether a frame begins here, or a skippable one (0x184D2A50 to 0x184D2A5F).
    private static func isFrame(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 4 else { return false }
        return hasMagic(bytes.prefix(4))
            || (bytes[0] & 0xF0 == 0x50 && bytes.dropFirst().prefix(3).elementsEqual([0x2A, 0x4D, 0x18]))
    }

    /// Decompresses all frames into `target`. Zeros behind the last frame are padding, and other bytes there are
    /// ignored.
    /// - Throws: `MachineError.image` for data that is corrupt or ends early, `.file`, `.call` when there is no memory
    ///   for the input.
    static func unpack(
        _ payload: BootPayload, into target: UnsafeMutableRawBufferPointer, system: any SystemCalls
    ) throws(MachineError) -> UnpackedPayload {
        let path = payload.file.path
        // No kernel is smaller than its compressed form; this also limits the memory for the input.
        guard payload.range.count <= target.count, !payload.range.isEmpty else {
            return UnpackedPayload(count: 0, isWhole: payload.range.isEmpty, hasTrailingBytes: false)
        }
        let size = UInt64(payload.range.count)
        let file = OwnedDescriptor(
            adopting: try mapError(
                MachineError.call("memfd_create for the kernel \(path)"),
                try system.createMemory(name: "martlet-kernel", size: size)), of: system)
        let raw = file.rawValue
        let mapping = try mapError(
            MachineError.call("mmap for the kernel \(path)"), try MemoryMapping(of: raw, size: size, system: system))
        guard let input = mapping.bytes(at: 0, count: size) else { throw .call("mmap", errno: .invalidArgument) }
        let count = try payload.read(into: input, at: 0)
        guard count == input.count else { throw truncated(path) }
        defer { withExtendedLifetime(mapping) {} }
        return try unpack(UnsafeRawBufferPointer(input), into: target, path)
    }

    private static func unpack(
        _ input: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ path: String
    ) throws(MachineError) -> UnpackedPayload {
        guard let context = ZSTD_createDCtx() else { throw .call("ZSTD_createDCtx", errno: .noMemory) }
        defer { ZSTD_freeDCtx(context) }
        var result = UnpackedPayload(count: 0, isWhole: true, hasTrailingBytes: false)
        var rest = input[...]
        while !rest.isEmpty {
            // Safety: a part of the input, and a part of the target, each with its length.
            let frame = UnsafeRawBufferPointer(rebasing: rest)
            guard isFrame(frame) else {
                if rest.startIndex == 0 { throw .image(path: path, .noZstd) }
                result.hasTrailingBytes = frame.contains { $0 != 0 }
                break
            }
            let size = ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count)
            if ZSTD_isError(size) != 0 { throw failure(size, path) }
            let room = UnsafeMutableRawBufferPointer(rebasing: target[result.count...])
            let count = ZSTD_decompressDCtx(context, room.baseAddress, room.count, frame.baseAddress, size)
            if ZSTD_isError(count) != 0 {
                guard ZSTD_getErrorCode(count) == ZSTD_error_dstSize_tooSmall else { throw failure(count, path) }
                result.isWhole = false
                break
            }
            result.count += count
            rest = rest.dropFirst(size)
        }
        return result
    }

    private static func failure(_ code: Int, _ path: String) -> MachineError {
        if ZSTD_getErrorCode(code) == ZSTD_error_srcSize_wrong { return truncated(path) }
        return .image(path: path, .corruptZstd(String(cString: ZSTD_getErrorName(code))))
    }

    private static func truncated(_ path: String) -> MachineError {
        .image(path: path, .truncatedZstd)
    }
}

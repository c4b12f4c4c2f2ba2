// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CZlib

/// Decompresses a gzip file piece by piece, directly into guest memory.
///
/// A file may have several members: two gzip files joined to one, or the output of pigz. Their contents are joined.
/// Zeros behind the last member are padding, and other bytes there are ignored, as gzip(1) does.
///
/// - SeeAlso: RFC 1952, 2.2; zlib.h, inflate
struct GzipStream: ~Copyable {
    private let payload: BootPayload
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private var inputOffset: UInt64 = 0
    private var isAtEnd = false

    static func hasMagic(_ bytes: some Sequence<UInt8>) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    /// - Throws: `MachineError.image` when zlib can't be started.
    init(_ payload: BootPayload) throws(MachineError) {
        self.payload = payload
        // Safety: zlib keeps a pointer to the stream in its own state, so the stream must not move; freed in deinit.
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(byteCount: 256 << 10, alignment: 16)
        guard czlib_gunzip_init(stream) == Z_OK else {
            stream.deallocate()
            input.deallocate()
            throw .image(path: payload.file.path, .noZlib)
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Decompresses all members into `target`.
    /// - Throws: `MachineError.image` for data that is corrupt or ends early, `.file`.
    mutating func unpack(into target: UnsafeMutableRawBufferPointer) throws(MachineError) -> UnpackedPayload {
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var left = target.count
        while left > 0, !isAtEnd {
            if try fill(1) == 0 {
                throw .image(path: payload.file.path, .truncatedGzip)
            }
            // Safety: next_out and avail_out together stay inside target.
            let chunk = UInt32(clamping: left)
            stream.pointee.avail_out = chunk
            let result = inflate(stream, Z_NO_FLUSH)
            left -= Int(chunk - stream.pointee.avail_out)
            switch result {
            case Z_OK: break
            case Z_STREAM_END: isAtEnd = try !beginMember()
            case Z_BUF_ERROR where stream.pointee.avail_in == 0: break
            default:
                let text = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
                throw .image(path: payload.file.path, .corruptGzip(text))
            }
        }
        return UnpackedPayload(
            count: target.count - left, isWhole: isAtEnd,
            hasTrailingBytes: isAtEnd && unread.contains { $0 != 0 })
    }

    /// Starts the next member; returns whether there is one.
    private mutating func beginMember() throws(MachineError) -> Bool {
        guard try fill(2) >= 2, Self.hasMagic(unread) else { return false }
        return inflateReset(stream) == Z_OK
    }

    /// The input that was read and not yet decompressed.
    private var unread: UnsafeBufferPointer<UInt8> {
        // Safety: next_in and avail_in are inside the input buffer, which lives as long as self.
        UnsafeBufferPointer(start: stream.pointee.next_in, count: Int(stream.pointee.avail_in))
    }

    /// Reads until at least `count` bytes of input are buffered, or the payload ends; returns how many are buffered.
    private mutating func fill(_ count: Int) throws(MachineError) -> Int {
        let rest = Int(stream.pointee.avail_in)
        guard rest < count else { return rest }
        // Safety: the rest is inside the buffer, and the two may overlap; next_in and avail_in stay inside it.
        if rest > 0, let start = stream.pointee.next_in {
            input.copyMemory(from: UnsafeRawBufferPointer(start: start, count: rest))
        }
        let added = try payload.read(
            into: UnsafeMutableRawBufferPointer(rebasing: input[rest...]), at: inputOffset)
        inputOffset += UInt64(added)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(rest + added)
        return rest + added
    }
}

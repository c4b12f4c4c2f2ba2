// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CZlib

/// Decompresses a gzip file piece by piece, straight to where the bytes belong.
///
/// - SeeAlso: RFC 1952; zlib.h, inflate
struct GzipStream: ~Copyable {
    enum Fault: Error, Equatable {
        case corrupt(String)
        case truncated
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private var inputOffset: UInt64 = 0
    private(set) var isAtEnd = false

    static func hasMagic(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    init() throws(Fault) {
        // Safety: zlib keeps a pointer to the stream in its own state, so the stream must not move; freed in deinit.
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(byteCount: 256 << 10, alignment: 16)
        guard czlib_gunzip_init(stream) == Z_OK else {
            stream.deallocate()
            input.deallocate()
            throw .corrupt("zlib can't be started")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Fills `target` with decompressed bytes; returns how many there were, fewer only at the end.
    mutating func read(
        into target: UnsafeMutableRawBufferPointer, from file: BootFile
    ) throws(MachineError) -> Int {
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var left = target.count
        while left > 0, !isAtEnd {
            if stream.pointee.avail_in == 0 {
                let count = try file.read(into: input, at: inputOffset)
                if count == 0 { throw .image(path: file.path, "the gzip stream ends early: the file is truncated") }
                inputOffset += UInt64(count)
                stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_in = UInt32(count)
            }
            // Safety: next_out and avail_out together stay inside target.
            let chunk = UInt32(clamping: left)
            stream.pointee.avail_out = chunk
            let result = inflate(stream, Z_NO_FLUSH)
            left -= Int(chunk - stream.pointee.avail_out)
            switch result {
            case Z_OK: break
            case Z_STREAM_END: isAtEnd = true
            case Z_BUF_ERROR where stream.pointee.avail_in == 0: break
            default:
                let text = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
                throw .image(path: file.path, "the gzip stream is corrupt (\(text))")
            }
        }
        return target.count - left
    }
}

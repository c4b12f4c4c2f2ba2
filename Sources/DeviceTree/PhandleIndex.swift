// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CFDT

/// The places of the nodes with phandles in a blob.
///
/// Much cheaper than a whole tree if only a few nodes are needed.
public struct PhandleIndex: Sendable {
    private let blob: [UInt8]
    /// Offsets into the structure block. If two nodes have the same phandle, the first in document order counts.
    private var offsets: [UInt32: CInt] = [:]

    /// How many bytes of a blob an index needs. Blobs in memory often have much padding.
    ///
    /// Nil unless the header has a supported version.
    /// - Parameter header: The first `headerByteCount` bytes.
    public static func byteCount(header: [UInt8]) -> Int? {
        header.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, bytes.count >= FDTHeader.byteCount else { return nil }
            // Safety: a whole header is there.
            guard FDTHeader.magic(start) == 0xD00D_FEED, FDTHeader.version(start) >= 17 else { return nil }
            let structureEnd = Int(FDTHeader.structureOffset(start)) + Int(FDTHeader.structureSize(start))
            let stringsEnd = Int(FDTHeader.stringsOffset(start)) + Int(FDTHeader.stringsSize(start))
            return max(structureEnd, stringsEnd, FDTHeader.byteCount)
        }
    }

    /// The length of a blob's header in bytes.
    public static var headerByteCount: Int { FDTHeader.byteCount }

    /// An index of `blob`, whose first `byteCount` bytes are enough; nil when it is not a valid blob.
    public init?(blob: [UInt8]) {
        guard let needed = Self.byteCount(header: blob), needed <= blob.count else { return nil }
        self.blob = blob
        let offsets = blob.withUnsafeBytes { bytes in bytes.baseAddress.flatMap(Self.offsets) }
        guard let offsets else { return nil }
        self.offsets = offsets
    }

    /// The highest phandle; nil if no node has one.
    public var highest: Phandle? { offsets.keys.lazy.compactMap(Phandle.init(rawValue:)).max() }

    /// Reads the structure block; nil when it is malformed.
    private static func offsets(_ blob: UnsafeRawPointer) -> [UInt32: CInt]? {
        // Safety, for this whole function: both blocks are complete, and libfdt doesn't read beyond them.
        guard fdt_check_header(blob) == 0 else { return nil }
        var offsets: [UInt32: CInt] = [:]
        var offset: CInt = 0
        var node: CInt?
        while true {
            var next: CInt = 0
            let tag = fdt_next_tag(blob, offset, &next)
            guard next > offset else { return nil }
            switch Int32(bitPattern: tag) {
            case FDT_BEGIN_NODE: node = offset
            case FDT_END_NODE: node = nil
            case FDT_PROP:
                if let node, let phandle = phandle(blob, offset), offsets[phandle] == nil { offsets[phandle] = node }
            case FDT_NOP: break
            default: return tag == UInt32(FDT_END) ? offsets : nil
            }
            offset = next
        }
    }

    /// The value of the property at `offset` if it is a phandle.
    private static func phandle(_ blob: UnsafeRawPointer, _ offset: CInt) -> UInt32? {
        var name: UnsafePointer<CChar>?
        var length: CInt = 0
        guard let value = fdt_getprop_by_offset(blob, offset, &name, &length), let name, length == 4,
            isPhandle(name)
        else { return nil }
        // Safety: libfdt has checked that the four bytes are inside the blob.
        return UInt32(bigEndian: UnsafeRawPointer(value).loadUnaligned(as: UInt32.self))
    }

    private static func isPhandle(_ name: UnsafePointer<CChar>) -> Bool {
        // Most names are excluded here, before a string is created.
        guard name[0] == 0x70 || name[0] == 0x6C else { return false }  // "p" or "l"
        let text = String(cString: name)
        return text == "phandle" || text == "linux,phandle"
    }

    /// The absolute path of the node with `phandle`; nil if there is none.
    public func path(of phandle: Phandle) -> String? {
        guard let offset = offsets[phandle.rawValue] else { return nil }
        return blob.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            // Enough for names of up to 63 levels, then for the longest path of Linux.
            for capacity in [256, 4096] {
                var buffer = [CChar](repeating: 0, count: capacity)
                // Safety: libfdt writes at most `capacity` bytes, with a NUL at their end.
                let result = fdt_get_path(start, offset, &buffer, CInt(capacity))
                if result == 0 {
                    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                }
                guard result == -FDT_ERR_NOSPACE else { return nil }
            }
            return nil
        }
    }
}

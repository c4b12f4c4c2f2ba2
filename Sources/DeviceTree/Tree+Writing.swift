// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CFDT

extension Tree {
    /// The tree as a flattened devicetree blob of version 17.
    ///
    /// - Throws: the first `DeviceTreeError` that is found: a name breaks the rules or is used twice, a reservation is
    ///   empty, or a limit is exceeded.
    /// - SeeAlso: Devicetree Specification v0.4, chapter 5
    public func serialized(limits: Limits = Limits()) throws(DeviceTreeError) -> [UInt8] {
        let survey = try TreeSurvey(self, limits: limits)
        return try serialized(capacity: survey.byteCount, maximum: limits.byteCount)
    }

    /// Writes the tree, which was checked before, into a buffer of `capacity` bytes, and doubles it until the blob
    /// fits.
    func serialized(capacity: Int, maximum: Int) throws(DeviceTreeError) -> [UInt8] {
        var capacity = min(capacity, Int(Int32.max))
        while true {
            var result: CInt = 0
            // Safety: libfdt keeps to the given capacity, clears all of it first, and returns the used size.
            let blob = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                result = write(to: buffer.baseAddress, capacity: CInt(capacity))
                count = max(0, Int(result))
            }
            if result >= 0 { return blob }
            guard result == -FDT_ERR_NOSPACE else { throw .library(code: result) }
            guard capacity < min(maximum, Int(Int32.max) / 2) else {
                throw .limitExceeded(.byteCount, limit: maximum, place: "/")
            }
            capacity *= 2
        }
    }

    /// Writes the blob; returns its length, or libfdt's negative error.
    private func write(to blob: UnsafeMutablePointer<UInt8>?, capacity: CInt) -> CInt {
        // Without FDT_CREATE_FLAG_NO_NAME_DEDUP libfdt searches all previous names, byte by byte, for each property.
        // That would be most of the work here, and would save only a few hundred bytes.
        var result = fdt_create_with_flags(blob, capacity, UInt32(FDT_CREATE_FLAG_NO_NAME_DEDUP))
        guard result == 0 else { return result }
        for reservation in reservations {
            result = fdt_add_reservemap_entry(blob, reservation.address, reservation.size)
            guard result == 0 else { return result }
        }
        result = fdt_finish_reservemap(blob)
        guard result == 0 else { return result }
        result = Self.write(root, to: blob)
        guard result == 0 else { return result }
        result = fdt_finish(blob)
        guard result == 0 else { return result }
        // Safety: fdt_finish has written a header.
        return UnsafeRawPointer(blob).map { CInt(bitPattern: FDTHeader.totalSize($0)) } ?? -FDT_ERR_INTERNAL
    }

    private static func write(_ node: Node, to blob: UnsafeMutablePointer<UInt8>?) -> CInt {
        // withCString, because it allocates nothing; passing the string itself may copy it.
        var result = node.name.withCString { fdt_begin_node(blob, $0) }
        guard result == 0 else { return result }
        for property in node.properties {
            let bytes = property.value.bytes
            result = property.name.withCString { name in
                fdt_property(blob, name, bytes, CInt(truncatingIfNeeded: bytes.count))
            }
            guard result == 0 else { return result }
        }
        for child in node.children {
            result = write(child, to: blob)
            guard result == 0 else { return result }
        }
        return fdt_end_node(blob)
    }
}

/// The fields of a blob's header. libfdt has only macros for them, which Swift can't import.
/// - SeeAlso: Devicetree Specification v0.4, 5.2
enum FDTHeader {
    /// The length of the header.
    static var byteCount: Int { 40 }

    // Safety, for all of these: the caller has checked that there are `byteCount` bytes.
    static func magic(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 0) }
    static func totalSize(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 4) }
    static func structureOffset(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 8) }
    static func stringsOffset(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 12) }
    static func version(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 20) }
    static func stringsSize(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 32) }
    static func structureSize(_ blob: UnsafeRawPointer) -> UInt32 { field(blob, at: 36) }

    private static func field(_ blob: UnsafeRawPointer, at offset: Int) -> UInt32 {
        UInt32(bigEndian: blob.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A guest's request to a drive, checked against the drive's limits.
///
/// - SeeAlso: virtio 1.2, 5.2.6 Device Operation
enum BlockRequest: Equatable, Sendable {
    /// Read all of the data from `offset` on, in bytes.
    case read(offset: UInt64)
    /// Write all of the data from `offset` on, in bytes.
    case write(offset: UInt64)
    case flush
    /// Return the drive's name, 20 bytes.
    case identify
    /// The data of this many ranges isn't needed any more; the ranges follow.
    case discard(rangeCount: Int)
    /// Make this many ranges read as zeroes; the ranges follow.
    case writeZeroes(rangeCount: Int)

    /// The last byte of a request.
    enum Status: UInt8, Error, Sendable {
        case fine = 0
        case failed = 1
        case unsupported = 2
    }

    /// The first 16 bytes of a request.
    struct Header: Equatable, Sendable {
        static let byteCount = 16

        let type: UInt32
        let sector: UInt64
    }

    /// A part of a drive, in bytes, as a request to discard or to write zeroes gives it.
    struct Part: Equatable, Sendable {
        /// The length of its form in a request, in bytes.
        static let byteCount = 16

        let offset: UInt64
        let count: UInt64
        /// Whether its space may be freed.
        let mayUnmap: Bool
    }

    /// The limits of requests to a drive.
    struct Limits: Equatable, Sendable {
        /// In sectors of 512 bytes.
        let sectorCount: UInt64
        let isReadOnly: Bool
        let flushes: Bool

        /// The largest number of ranges in a request.
        static let rangeCount = 16
        /// The largest size of a range, in sectors: 1 GiB.
        static let rangeSectors: UInt32 = 1 << 21
    }

    /// - Parameters:
    ///   - readable: how many bytes that the device reads follow the header.
    ///   - writable: how many bytes the device can write, without the status.
    /// - Throws: the status that the guest gets.
    init(_ header: Header, readable: UInt64, writable: UInt64, _ limits: Limits) throws(Status) {
        switch header.type {
        case 0:
            self = .read(offset: try Self.offset(header.sector, byteCount: writable, limits))
        case 1:
            guard !limits.isReadOnly else { throw .failed }
            self = .write(offset: try Self.offset(header.sector, byteCount: readable, limits))
        case 4:
            guard limits.flushes else { throw .unsupported }
            self = .flush
        case 8: self = .identify
        case 11: self = .discard(rangeCount: try Self.rangeCount(readable, limits))
        case 13: self = .writeZeroes(rangeCount: try Self.rangeCount(readable, limits))
        default: throw .unsupported
        }
    }

    private static func offset(
        _ sector: UInt64, byteCount: UInt64, _ limits: Limits
    ) throws(Status) -> UInt64 {
        guard byteCount.isMultiple(of: DriveGeometry.sectorSize), sector <= limits.sectorCount,
            byteCount / DriveGeometry.sectorSize <= limits.sectorCount - sector
        else { throw .failed }
        // No overflow: the drive has at least this many bytes.
        return sector * DriveGeometry.sectorSize
    }

    private static func rangeCount(_ readable: UInt64, _ limits: Limits) throws(Status) -> Int {
        guard !limits.isReadOnly, readable > 0, readable.isMultiple(of: UInt64(Part.byteCount)),
            readable <= UInt64(Limits.rangeCount * Part.byteCount)
        else { throw .failed }
        return Int(readable) / Part.byteCount
    }
}

extension BlockRequest.Part {
    /// - Parameters:
    ///   - flags: bit 0 allows the device to free the space; for a discard it always may.
    /// - Throws: the status that the guest gets.
    init(
        sector: UInt64, sectorCount: UInt32, flags: UInt32, isDiscard: Bool, _ limits: BlockRequest.Limits
    ) throws(BlockRequest.Status) {
        guard flags & (isDiscard ? ~0 : ~1) == 0 else { throw .unsupported }
        guard sectorCount <= BlockRequest.Limits.rangeSectors, sector <= limits.sectorCount,
            UInt64(sectorCount) <= limits.sectorCount - sector
        else { throw .failed }
        // No overflow: the drive has at least this many bytes.
        self.init(
            offset: sector * DriveGeometry.sectorSize, count: UInt64(sectorCount) * DriveGeometry.sectorSize,
            mayUnmap: isDiscard || flags & 1 != 0)
    }
}

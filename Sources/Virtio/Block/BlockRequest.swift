// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a guest asks a drive for, checked against the drive.
///
/// - SeeAlso: virtio 1.2, 5.2.6 Device Operation
enum BlockRequest: Equatable, Sendable {
    /// All of the data is read from `offset` on, in bytes.
    case read(offset: UInt64)
    /// All of the data is written from `offset` on, in bytes.
    case write(offset: UInt64)
    case flush
    /// The drive's name, 20 bytes.
    case identify
    /// So many ranges follow, whose data isn't needed any more.
    case discard(rangeCount: Int)
    /// So many ranges follow, which are to read as zeroes.
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

    /// A part of a drive, in bytes, as a discard or a write of zeroes names it.
    struct Part: Equatable, Sendable {
        /// The bytes that name it.
        static let byteCount = 16

        let offset: UInt64
        let count: UInt64
        /// Whether its space may be given back.
        let mayUnmap: Bool
    }

    /// What a drive can do.
    struct Limits: Equatable, Sendable {
        /// In sectors of 512 bytes.
        let sectorCount: UInt64
        let isReadOnly: Bool
        let flushes: Bool

        /// How many ranges a request may name.
        static let rangeCount = 16
        /// The greatest size of a range, in sectors: 1 GiB.
        static let rangeSectors: UInt32 = 1 << 21
    }

    /// - Parameters:
    ///   - readable: how many bytes follow the header for the device to read.
    ///   - writable: how many bytes there are for the device to write, without the status.
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
        // No overflow: the drive has as many bytes.
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
    ///   - flags: bit 0 lets the device give the space back, which a discard needn't be told.
    /// - Throws: the status that the guest gets.
    init(
        sector: UInt64, sectorCount: UInt32, flags: UInt32, isDiscard: Bool, _ limits: BlockRequest.Limits
    ) throws(BlockRequest.Status) {
        guard flags & (isDiscard ? ~0 : ~1) == 0 else { throw .unsupported }
        guard sectorCount <= BlockRequest.Limits.rangeSectors, sector <= limits.sectorCount,
            UInt64(sectorCount) <= limits.sectorCount - sector
        else { throw .failed }
        // No overflow: the drive has as many bytes.
        self.init(
            offset: sector * DriveGeometry.sectorSize, count: UInt64(sectorCount) * DriveGeometry.sectorSize,
            mayUnmap: isDiscard || flags & 1 != 0)
    }
}

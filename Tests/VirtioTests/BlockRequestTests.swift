// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Virtio

/// What a request asks for, and which requests are none.
@Suite struct BlockRequestTests {
    private static let limits = BlockRequest.Limits(sectorCount: 100, isReadOnly: false, flushes: true)
    private static let readOnly = BlockRequest.Limits(sectorCount: 100, isReadOnly: true, flushes: false)

    private func parse(
        _ type: UInt32, sector: UInt64 = 0, readable: UInt64 = 0, writable: UInt64 = 0,
        _ limits: BlockRequest.Limits = Self.limits
    ) -> Result<BlockRequest, BlockRequest.Status> {
        do throws(BlockRequest.Status) {
            return .success(
                try BlockRequest(.init(type: type, sector: sector), readable: readable, writable: writable, limits))
        } catch { return .failure(error) }
    }

    @Test func `reads and writes are of whole sectors of the drive`() {
        #expect(parse(0, sector: 3, writable: 1024) == .success(.read(offset: 1536)))
        #expect(parse(1, sector: 99, readable: 512) == .success(.write(offset: 99 * 512)))
        #expect(parse(0, sector: 100, writable: 0) == .success(.read(offset: 51200)))
        #expect(parse(0, writable: 511) == .failure(.failed))
        #expect(parse(0, sector: 99, writable: 1024) == .failure(.failed))
        #expect(parse(1, sector: 101) == .failure(.failed))
        #expect(parse(1, sector: .max, readable: 512) == .failure(.failed))
        #expect(parse(0, sector: 1, writable: .max & ~511) == .failure(.failed))
        #expect(parse(0, sector: (1 << 55) + 1, writable: 512) == .failure(.failed), "its offset would wrap")
    }

    @Test func `a drive that is read-only takes no write of any kind`() {
        #expect(parse(0, writable: 512, Self.readOnly) == .success(.read(offset: 0)))
        #expect(parse(1, readable: 512, Self.readOnly) == .failure(.failed))
        #expect(parse(11, readable: 16, Self.readOnly) == .failure(.failed))
        #expect(parse(13, readable: 16, Self.readOnly) == .failure(.failed))
    }

    @Test func `what wasn't offered is unsupported`() {
        #expect(parse(4) == .success(.flush))
        #expect(parse(4, Self.readOnly) == .failure(.unsupported))
        #expect(parse(8, writable: 20) == .success(.identify))
        for type: UInt32 in [2, 3, 5, 10, 12, 14, 16, .max] { #expect(parse(type) == .failure(.unsupported)) }
    }

    @Test func `ranges come in whole numbers up to the limit`() {
        #expect(parse(11, readable: 32) == .success(.discard(rangeCount: 2)))
        #expect(parse(13, readable: 256) == .success(.writeZeroes(rangeCount: 16)))
        for readable: UInt64 in [0, 8, 17, 272, .max] { #expect(parse(11, readable: readable) == .failure(.failed)) }
    }

    private func part(
        _ sector: UInt64, _ count: UInt32, flags: UInt32 = 0, isDiscard: Bool = false
    ) -> Result<BlockRequest.Part, BlockRequest.Status> {
        do throws(BlockRequest.Status) {
            return .success(
                try BlockRequest.Part(
                    sector: sector, sectorCount: count, flags: flags, isDiscard: isDiscard, Self.limits))
        } catch { return .failure(error) }
    }

    @Test func `a range is within the drive and has only flags that there are`() {
        #expect(part(10, 5) == .success(.init(offset: 5120, count: 2560, mayUnmap: false)))
        #expect(part(10, 5, flags: 1) == .success(.init(offset: 5120, count: 2560, mayUnmap: true)))
        #expect(part(0, 100, isDiscard: true) == .success(.init(offset: 0, count: 51200, mayUnmap: true)))
        #expect(part(0, 1, flags: 1, isDiscard: true) == .failure(.unsupported))
        #expect(part(0, 1, flags: 2) == .failure(.unsupported))
        #expect(part(0, 101) == .failure(.failed))
        #expect(part(100, 1) == .failure(.failed))
        #expect(part(.max, 1) == .failure(.failed))
        #expect(part(1, .max) == .failure(.failed))
    }

    @Test func `the configuration space has each field in its place`() {
        var geometry = DriveGeometry(sectorCount: 0x0102_0304_0506)
        geometry.blockSize = 512
        let bytes = BlockConfiguration(geometry, queueCount: 3, queueSize: 256).bytes
        #expect(bytes.count == 60)
        #expect(bytes[0..<8] == [6, 5, 4, 3, 2, 1, 0, 0])
        #expect(bytes[12..<16] == [254, 0, 0, 0])
        #expect(bytes[20..<24] == [0, 2, 0, 0])
        #expect(bytes[24] == 3 && bytes[26] == 8, "blocks of 4096 bytes below")
        #expect(bytes[34] == 3 && bytes[44] == 8 && bytes[56] == 1)
    }
}

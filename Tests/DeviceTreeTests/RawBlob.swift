// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Writes blobs token by token, without libfdt and without its checks.
struct RawBlob {
    var version: UInt32 = 17
    var reservations: [UInt64] = [0, 0]
    var structure: [UInt8] = []
    var strings: [UInt8] = []

    mutating func word(_ word: UInt32) {
        for shift in [24, 16, 8, 0] { structure.append(UInt8(truncatingIfNeeded: word >> UInt32(shift))) }
    }

    mutating func begin(_ name: String) {
        word(1)
        structure += Array(name.utf8) + [0]
        while structure.count % 4 != 0 { structure.append(0) }
    }

    mutating func end() { word(2) }

    mutating func property(
        _ name: String, _ value: [UInt8] = [], claimedLength: UInt32? = nil, nameOffset: UInt32? = nil
    ) {
        word(3)
        word(claimedLength ?? UInt32(value.count))
        word(nameOffset ?? UInt32(strings.count))
        if nameOffset == nil { strings += Array(name.utf8) + [0] }
        structure += value
        while structure.count % 4 != 0 { structure.append(0) }
    }

    mutating func nop() { word(4) }
    mutating func finish() { word(9) }

    /// The blob: header, reservations, structure, strings.
    var bytes: [UInt8] {
        var blob = RawBlob()
        let structureOffset = 40 + 8 * reservations.count
        let stringsOffset = structureOffset + structure.count
        for field in [
            0xD00D_FEED, UInt32(stringsOffset + strings.count), UInt32(structureOffset), UInt32(stringsOffset), 40,
            version, min(version, 16), 0, UInt32(strings.count), UInt32(structure.count),
        ] { blob.word(field) }
        for half in reservations {
            blob.word(UInt32(half >> 32))
            blob.word(UInt32(truncatingIfNeeded: half))
        }
        return blob.structure + structure + strings
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// `platform-devices[].eoi`.
extension EndOfInterrupt {
    enum Keys {
        static let region = Key.integer("region", 0...63, default: 0, "The region's index.")
        static let offset = Key.requiredInteger("offset", 0...(1 << 48 - 1), "Bytes from the region's base.")
        static let length = Key.integer(
            "length", 1...65536, default: Int(EndOfInterrupt.defaultLength), "Bytes.")

        static var section: Section { Section(keys: [region.description, offset.description, length.description]) }
    }

    init(_ reader: ObjectReader) {
        // Neither is negative, because the keys' ranges exclude that.
        self.init(
            region: reader.value(Keys.region), offset: UInt64(clamping: reader.value(Keys.offset)),
            length: UInt64(clamping: reader.value(Keys.length)))
        reader.noteOthers(than: Keys.section)
    }
}

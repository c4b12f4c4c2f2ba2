// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Numbers that are easiest to read in hexadecimal, which JSON can't spell: addresses, sizes, 64-bit values.
package enum AddressText {
    /// Guest-physical addresses end at 2^52 (Arm ARM, FEAT_LPA).
    package static let limit: UInt64 = 1 << 52

    /// A whole number, or a string of "0x" and hexadecimal digits; nil for anything else, and for 2^64 and more.
    static func number(_ json: JSONValue) -> UInt64? {
        switch json {
        case .string(let text):
            // Each digit is checked, because UInt64 would accept a sign.
            let digits = text.dropFirst(2)
            guard text.hasPrefix("0x"), digits.utf8.allSatisfy(isHexadecimal) else { return nil }
            return UInt64(digits, radix: 16)
        case .number(let text): return UInt64(text)
        default: return nil
        }
    }

    /// A multiple of `unit` below 2^52, spelled as for `number`.
    static func address(_ json: JSONValue, multipleOf unit: UInt64) -> UInt64? {
        guard let address = number(json), address < limit, address % unit == 0 else { return nil }
        return address
    }

    /// An address that the shape allows.
    fileprivate static func address(_ json: JSONValue, _ shape: KeyShape) -> UInt64? {
        guard case .address(let unit, let minimum) = shape, let address = address(json, multipleOf: unit),
            address >= minimum
        else { return nil }
        return address
    }

    static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}

extension Key<UInt64> {
    /// A required address or size: a multiple of `unit`, at least `minimum`, below 2^52.
    static func requiredAddress(
        _ name: String, multipleOf unit: UInt64, minimum: UInt64 = 0,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(
            description: KeyDescription(
                name, .address(multipleOf: unit, minimum: minimum), isRequired: true, by: documentation),
            fallback: minimum
        ) { json, shape in AddressText.address(json, shape) }
    }
}

extension Key<UInt64?> {
    /// An optional address: a multiple of `unit` below 2^52.
    static func optionalAddress(
        _ name: String, multipleOf unit: UInt64, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .address(multipleOf: unit, minimum: 0), by: documentation), fallback: nil)
        {
            json, shape in
            // Not passed on directly: nil would count as a value.
            guard let address = AddressText.address(json, shape) else { return nil }
            return address
        }
    }
}

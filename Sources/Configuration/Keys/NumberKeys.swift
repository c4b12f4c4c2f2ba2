// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension Key<UInt64?> {
    /// A number of 64 bits, as a number or in hexadecimal; nil where it isn't given.
    static func number64(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .number64, by: documentation), fallback: nil) { json, _ in
            // Not passed on as it is: nil would be a value, too.
            guard let number = AddressText.number(json) else { return nil }
            return number
        }
    }
}

extension Key<Int?> {
    /// A whole number for which something else serves where it isn't given.
    static func optionalInteger(
        _ name: String, _ range: ClosedRange<Int>, default fallback: Int,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .integer(range, default: fallback), by: documentation), fallback: nil) {
            json, _ in
            guard case .number(let text) = json, let value = Int(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension Key<Int> {
    /// One of a few whole numbers.
    static func number(
        _ name: String, among numbers: @autoclosure @escaping @Sendable () -> [Int], default fallback: Int,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(
            description: KeyDescription(name, .numberAmong(numbers, default: fallback), by: documentation),
            fallback: fallback
        ) { json, _ in
            guard case .number(let text) = json, let value = Int(text), numbers().contains(value) else { return nil }
            return value
        }
    }
}

extension Key where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words that `Value` has, without which its object makes no sense.
    static func requiredChoice(
        _ name: String, fallback: Value, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(
            description: KeyDescription(
                name, .choice({ Value.allCases.map { $0.rawValue } }, default: { nil }), isRequired: true,
                by: documentation),
            fallback: fallback
        ) { json, _ in
            guard case .string(let text) = json else { return nil }
            return Value(rawValue: text)
        }
    }
}

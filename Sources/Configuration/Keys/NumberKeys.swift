// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension Key<UInt64?> {
    /// An optional number of 64 bits, as a number or in hexadecimal.
    static func number64(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .number64, by: documentation), fallback: nil) { json, _ in
            // Not passed on directly: nil would count as a value.
            guard let number = AddressText.number(json) else { return nil }
            return number
        }
    }
}

extension Key<Int?> {
    /// An optional whole number.
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
    /// One of several whole numbers.
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
    /// A required word, one of those of `Value`.
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

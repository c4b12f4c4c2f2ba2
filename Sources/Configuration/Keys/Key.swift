// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// One key of a configuration object: its row in the object's table, with all facts about it.
///
/// To add a key, add a row to the section's `Keys` and to its `section`, and read it where the others are read. Then
/// run `make generate`, which writes configs/schema.json and docs/configuration.md.
struct Key<Value: Sendable>: Sendable {
    let description: KeyDescription
    /// The value if the key is absent; it also replaces a value that was refused.
    let fallback: Value
    /// Reads the JSON value; nil if the key's shape, which is passed in, doesn't allow it.
    let read: @Sendable (JSONValue, KeyShape) -> Value?

    var name: String { description.name }
}

extension Key<Bool> {
    static func boolean(
        _ name: String, default fallback: Bool, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .boolean(default: fallback), by: documentation), fallback: fallback) {
            json, _ in
            guard case .boolean(let value) = json else { return nil }
            return value
        }
    }
}

extension Key<Int> {
    /// A whole number without fraction or exponent: 2.0 and 2e0 are refused.
    static func integer(
        _ name: String, _ range: ClosedRange<Int>, default fallback: Int,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(
            description: KeyDescription(name, .integer(range, default: fallback), by: documentation),
            fallback: fallback, read: readInteger)
    }

    /// A required whole number.
    static func requiredInteger(
        _ name: String, _ range: ClosedRange<Int>,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(
            description: KeyDescription(
                name, .integer(range, default: range.lowerBound), isRequired: true, by: documentation),
            fallback: range.lowerBound, read: readInteger)
    }

    @Sendable private static func readInteger(_ json: JSONValue, _ shape: KeyShape) -> Int? {
        // Int(_:) gives nil for a fraction, an exponent, and a number that doesn't fit.
        guard case .number(let text) = json, case .integer(let range, _) = shape, let value = Int(text),
            range.contains(value)
        else { return nil }
        return value
    }
}

extension Key where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of `Value`.
    static func choice(
        _ name: String, default fallback: Value, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(
            description: KeyDescription(
                name, .choice({ Value.words }, default: { fallback.rawValue }), by: documentation),
            fallback: fallback
        ) { json, _ in
            guard case .string(let text) = json else { return nil }
            return Value(rawValue: text)
        }
    }
}

extension Key {
    /// One of the words of `Choice`, or nothing.
    static func optionalChoice<Choice>(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key where Value == Choice?, Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
        Key(
            description: KeyDescription(name, .choice({ Choice.words }, default: { nil }), by: documentation),
            fallback: nil
        ) { json, _ in
            guard case .string(let text) = json, let choice = Choice(rawValue: text) else { return nil }
            return .some(choice)
        }
    }

    /// One of the words of `Choice`, or "auto", which gives nil: the best of them.
    static func automaticChoice<Choice>(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key where Value == Choice?, Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
        Key(
            description: KeyDescription(
                name, .choice({ ["auto"] + Choice.words }, default: { "auto" }), by: documentation),
            fallback: nil
        ) { json, _ in
            guard case .string(let text) = json else { return nil }
            if text == "auto" { return .some(nil) }
            guard let choice = Choice(rawValue: text) else { return nil }
            return .some(choice)
        }
    }
}

extension RawRepresentable where Self: CaseIterable, RawValue == String {
    /// All words, in their order.
    fileprivate static var words: [String] { allCases.map { $0.rawValue } }
}

extension Key<String> {
    /// A required text.
    static func requiredText(
        _ name: String, _ rule: TextRule, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .text(rule), isRequired: true, by: documentation), fallback: "") {
            json, shape in
            guard case .string(let text) = json, case .text(let rule) = shape, rule.accepts(text) else { return nil }
            return text
        }
    }
}

extension Key<String?> {
    static func text(
        _ name: String, _ rule: TextRule, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .text(rule), by: documentation), fallback: nil) { json, shape in
            guard case .string(let text) = json, case .text(let rule) = shape, rule.accepts(text) else { return nil }
            return text
        }
    }
}

extension Key<Int?> {
    /// The number of a descriptor; not standard input, output or error.
    static func descriptor(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .descriptor, by: documentation), fallback: nil) { json, _ in
            guard case .number(let text) = json, let value = Int(text),
                (KeyShape.firstDescriptor...KeyShape.lastDescriptor).contains(value)
            else { return nil }
            return value
        }
    }
}

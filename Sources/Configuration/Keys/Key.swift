// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// One key of a configuration object: its row in the object's table.
///
/// To add a key, add a row to the object's `Keys` and to their `all`, read it where the others are read, and describe it
/// in configs/schema.json (a test compares the two).
struct Key<Value: Sendable>: Sendable {
    let description: KeyDescription
    /// The value of an absent key, and what stands in for a value that was refused.
    let fallback: Value
    /// The value that the JSON stands for, or nil where the key's shape doesn't allow it.
    let value: @Sendable (JSONValue) -> Value?

    var name: String { description.name }
}

/// What the decoder, its error messages and the schema's test need to know of a key.
struct KeyDescription: Sendable {
    let name: String
    let shape: KeyShape
    var isRequired = false
}

/// What the value of a key may be.
enum KeyShape: Sendable {
    case boolean(default: Bool)
    case integer(ClosedRange<Int>, default: Int)
    case text(TextRule)
    /// One of some words. No default: none of them means what leaving it out means.
    case choice([String], default: String?)
    /// A multiple of a number, at least `minimum`, as a number or in hexadecimal.
    case address(multipleOf: UInt64, minimum: UInt64)
    case guestAddress
    /// The number of a file descriptor that the process is started with.
    case descriptor
    /// CPUs of the host, as a list of ranges or an array of numbers.
    case cpuList
    /// A device-tree property's value.
    case property
    // Functions: the keys of an object that isn't in the text are never made.
    case object(@Sendable () -> [KeyDescription])
    case objects(@Sendable () -> [KeyDescription])
    /// An object whose names the user makes up.
    indirect case map(names: TextRule, KeyShape)
    indirect case list(KeyShape)

    /// A descriptor's highest number: fs/file.c, sysctl_nr_open, less one.
    static let lastDescriptor = 1_048_575

    /// The shape in words, for error messages.
    var allowed: String {
        switch self {
        case .boolean: "true or false"
        case .integer(let range, _): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .text(let rule): rule.allowed
        case .choice(let words, _): words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .address(let unit, let minimum):
            "a multiple of \(unit)\(minimum > 0 ? " from \(minimum) up," : "") below 2^52, as a number or a string \"0x…\""
        case .guestAddress:
            "a multiple of 4096 below 2^52, as a number or a string \"0x…\", or \"host\"; "
                + "or an array of these and \"auto\", one for each region"
        case .property:
            "true, a string or an array of strings, numbers from 0 to \(UInt32.max) and {\"phandle\": \"label\"} alone or in "
                + "an array, {\"u64\": number or \"0x…\", or an array of these}, or {\"bytes\": \"00 1f …\"}"
        case .cpuList:
            "CPUs of the host, each once, as \"4-7\" or \"0,2-3\" or an array of numbers from 0 to "
                + "\(CPUList.lastNumber)"
        case .descriptor: "the number of a descriptor that Martlet is started with, from 3 to \(Self.lastDescriptor)"
        case .object, .map: "an object"
        case .objects: "an array of objects"
        case .list(let elements): "an array, of each element: \(elements.allowed)"
        }
    }
}

extension Key<Bool> {
    static func boolean(_ name: String, default fallback: Bool) -> Key {
        Key(description: KeyDescription(name: name, shape: .boolean(default: fallback)), fallback: fallback) { json in
            guard case .boolean(let value) = json else { return nil }
            return value
        }
    }
}

extension Key<Int> {
    /// A whole number, spelled without fraction or exponent: 2.0 and 2e0 are refused.
    static func integer(_ name: String, _ range: ClosedRange<Int>, default fallback: Int) -> Key {
        Key(
            description: KeyDescription(name: name, shape: .integer(range, default: fallback)), fallback: fallback
        ) { json in
            // Int(_:) is nil for a fraction, an exponent, and what Int can't hold.
            guard case .number(let text) = json, let value = Int(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension Key<Int> {
    /// A whole number without which its object makes no sense.
    static func requiredInteger(_ name: String, _ range: ClosedRange<Int>) -> Key {
        let optional = integer(name, range, default: range.lowerBound)
        return Key(
            description: KeyDescription(name: name, shape: optional.description.shape, isRequired: true),
            fallback: optional.fallback, value: optional.value)
    }
}

extension Key where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words that `Value` has.
    static func choice(_ name: String, default fallback: Value) -> Key {
        Key(
            description: KeyDescription(
                name: name, shape: .choice(Value.allCases.map(\.rawValue), default: fallback.rawValue)),
            fallback: fallback
        ) { json in
            guard case .string(let text) = json else { return nil }
            return Value(rawValue: text)
        }
    }
}

extension Key {
    /// One of the words that `Choice` has, or nothing.
    static func optionalChoice<Choice>(_ name: String) -> Key
    where Value == Choice?, Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
        Key(
            description: KeyDescription(name: name, shape: .choice(Choice.allCases.map(\.rawValue), default: nil)),
            fallback: nil
        ) { json in
            guard case .string(let text) = json, let choice = Choice(rawValue: text) else { return nil }
            return .some(choice)
        }
    }
}

extension Key<String> {
    /// A key without which there is no configuration.
    static func requiredText(_ name: String, _ rule: TextRule) -> Key {
        Key(description: KeyDescription(name: name, shape: .text(rule), isRequired: true), fallback: "") { json in
            guard case .string(let text) = json, rule.accepts(text) else { return nil }
            return text
        }
    }
}

extension Key<String?> {
    static func text(_ name: String, _ rule: TextRule) -> Key {
        Key(description: KeyDescription(name: name, shape: .text(rule)), fallback: nil) { json in
            guard case .string(let text) = json, rule.accepts(text) else { return nil }
            return text
        }
    }
}

extension Key<Int?> {
    /// The number of a descriptor; standard input, output and error have uses of their own.
    static func descriptor(_ name: String) -> Key {
        Key(description: KeyDescription(name: name, shape: .descriptor), fallback: nil) { json in
            guard case .number(let text) = json, let value = Int(text), (3...KeyShape.lastDescriptor).contains(value)
            else { return nil }
            return value
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import DeviceOptions

/// The configuration's tables as a JSON Schema (draft 2020-12).
enum SchemaWriter {
    /// What configs/schema.json has to be.
    static var text: String { schema.text() + "\n" }

    private typealias Members = [(String, JSONText)]

    private static var schema: JSONText {
        var members: Members = [
            ("$schema", "https://json-schema.org/draft/2020-12/schema"), ("title", "Martlet's configuration file"),
            ("description", .string(plain(ConfigurationReference.documentation))), ("type", "object"),
        ]
        members += content(of: ConfigurationReference.root, mayBeEmpty: false)
        members.append(("$defs", .object(definitions)))
        return .object(members)
    }

    /// A documentation without its Markdown.
    private static func plain(_ documentation: Documentation) -> String {
        let text = documentation.text.description.filter { $0 != "`" }
        guard let page = documentation.page else { return text }
        return "\(text) See docs/\(page)."
    }

    // MARK: Objects

    /// What says of an object which keys it has.
    /// - Parameter mayBeEmpty: whether null and its like may be in its place.
    private static func content(of section: Section, mayBeEmpty: Bool) -> Members {
        var members: Members = [("additionalProperties", false)]
        let required = section.keys.filter(\.isRequired).map { JSONText.string($0.name) }
        if !required.isEmpty {
            members.append(
                mayBeEmpty
                    ? ("anyOf", [reference("empty"), ["required": .array(required)]]) : ("required", .array(required)))
        }
        if !section.rules.isEmpty { members.append(("allOf", .array(section.rules.map(rule)))) }
        let keys = section.keys.map { ($0.name, property($0)) }
        members.append(("properties", .object(keys + section.lacking.map { ($0.name, reference(emptiness(of: $0))) })))
        return members
    }

    private static func rule(_ rule: Section.Rule) -> JSONText {
        switch rule {
        case .anyOf(let names):
            [
                "anyOf": .array(
                    names.map { ["required": [.string($0)], "properties": [$0: ["not": reference("empty")]]] })
            ]
        case .word(let word, let name, let other):
            [
                "anyOf": [
                    ["properties": [name: ["not": ["const": .string(word)]]]],
                    ["required": [.string(other)], "properties": [other: ["const": true]]],
                ]
            ]
        }
    }

    private static func emptiness(of key: FirecrackerKey) -> String {
        return key.emptyWord == nil ? "empty" : "emptyWord"
    }

    // MARK: Keys

    private static func property(_ key: KeyDescription) -> JSONText {
        let documentation = key.documentation()
        var members: Members = [("description", .string(plain(documentation)))]
        members += value(key.shape, isRequired: key.isRequired)
        if let example = documentation.example { members.append(("examples", .array([.raw(example.description)]))) }
        return .object(members)
    }

    /// What says the type: an optional key may be empty instead.
    private static func type(_ name: String, _ isRequired: Bool) -> (String, JSONText) {
        isRequired ? ("type", .string(name)) : ("$ref", .string("#/$defs/\(name)OrEmpty"))
    }

    private static func reference(_ name: String) -> JSONText { ["$ref": .string("#/$defs/\(name)")] }

    private static let emptyValues: [JSONText] = [.null, false, [], [:]]

    private static func value(_ shape: KeyShape, isRequired: Bool) -> Members {
        switch shape {
        case .boolean(let fallback): return [type("boolean", isRequired), ("default", .boolean(fallback))]
        case .integer(let range, let fallback):
            let number = [type("integer", isRequired)] + limits(range)
            return isRequired ? number : number + [("default", .number(fallback))]
        case .descriptor:
            return [type("integer", isRequired)] + limits(KeyShape.firstDescriptor...KeyShape.lastDescriptor)
        case .text(let rule): return [type("string", isRequired)] + text(rule)
        case .choice(let words, let fallback):
            let values = words().map(JSONText.string) + (isRequired ? [] : emptyValues)
            return [("enum", .array(values))] + (fallback().map { [("default", .string($0))] } ?? [])
        case .address(let unit, let minimum): return choice(isRequired, address(unit, minimum))
        case .placement: return choice(isRequired, placement)
        case .number64: return choice(isRequired, [reference("number64")])
        case .numberAmong(let numbers, let fallback):
            let values = numbers().map { JSONText.number($0) } + (isRequired ? [] : emptyValues)
            return [("enum", .array(values)), ("default", .number(fallback))]
        case .choiceOrObjects(let words, let fallback, let limit, let section):
            let items: Members = [("type", "object")] + content(of: section(), mayBeEmpty: false)
            return choice(
                isRequired,
                [
                    ["enum": .array(words().map(JSONText.string))],
                    ["type": "array", "minItems": .number(1), "maxItems": .number(limit), "items": .object(items)],
                ]) + [("default", .string(fallback()))]
        case .cpuList:
            let numbers: JSONText = .object([("type", "integer")] + limits(0...CPUList.lastNumber))
            return choice(
                isRequired,
                [
                    ["type": "string", "pattern": .string(Pattern.cpuList)],
                    ["type": "array", "minItems": .number(1), "items": numbers],
                ])
        case .property: return choice(true, property)
        case .object(let section), .device(let section):
            return [type("object", isRequired)] + content(of: section(), mayBeEmpty: !isRequired)
        case .objects(let section):
            let items: Members = [("type", "object")] + content(of: section(), mayBeEmpty: false)
            return [type("array", isRequired), ("items", .object(items))]
        case .map(let names, let values):
            return [
                type("object", isRequired), ("propertyNames", .object(text(names))),
                ("additionalProperties", element(values())),
            ]
        case .list(let elements): return [type("array", isRequired), ("items", element(elements()))]
        }
    }

    /// A value that isn't a key's, and so can't be empty.
    private static func element(_ shape: KeyShape) -> JSONText { .object(value(shape, isRequired: true)) }

    private static func choice(_ isRequired: Bool, _ values: [JSONText]) -> Members {
        [("anyOf", .array(isRequired ? values : [reference("empty")] + values))]
    }

    private static func limits(_ range: ClosedRange<Int>) -> Members {
        [("minimum", .number(range.lowerBound)), ("maximum", .number(range.upperBound))]
    }

    private static func text(_ rule: TextRule) -> Members {
        (rule.accepts("") ? [] : [("minLength", .number(1))])
            + [("maxLength", .number(rule.maximumByteCount)), ("pattern", .string(Pattern.of(rule)))]
    }

    private static func address(_ unit: UInt64, _ minimum: UInt64) -> [JSONText] {
        [
            [
                "type": "integer", "minimum": .number(minimum), "maximum": .number(AddressText.limit - unit),
                "multipleOf": .number(unit),
            ],
            ["type": "string", "pattern": .string(Pattern.address(multipleOf: unit, minimum: minimum))],
        ]
    }

    private static var placement: [JSONText] {
        let addresses = address(DevicePlacement.unit, 0)
        return addresses + [
            ["const": "host"],
            [
                "type": "array", "minItems": .number(1), "maxItems": .number(DevicePlacement.maximumRegionCount),
                "items": ["anyOf": .array(addresses + [["enum": ["host", "auto"]]])],
            ],
        ]
    }

    /// The values of a device-tree property.
    private static var property: [JSONText] {
        let string: JSONText = ["type": "string", "pattern": .string(Pattern.of(.path))]
        let numbers: JSONText = ["anyOf": [reference("number64"), list(of: reference("number64"))]]
        return [
            ["const": true], string, list(of: string), reference("cell"), list(of: reference("cell")),
            object(with: "u64", numbers), object(with: "bytes", ["type": "string", "pattern": .string(Pattern.bytes)]),
        ]
    }

    private static func list(of items: JSONText) -> JSONText {
        ["type": "array", "minItems": .number(1), "items": items]
    }

    private static func object(with key: String, _ value: JSONText) -> JSONText {
        ["type": "object", "additionalProperties": false, "required": [.string(key)], "properties": [key: value]]
    }

    // MARK: Definitions

    private static var definitions: Members {
        [
            (
                "empty",
                [
                    "description": "As good as no key. A key of Firecracker's that Martlet lacks takes nothing else.",
                    "enum": .array(emptyValues),
                ]
            ),
            (
                "emptyWord",
                [
                    "description": "A key of Firecracker's that Martlet lacks, where a word means none.",
                    "enum": .array(emptyValues + emptyWords.map(JSONText.string)),
                ]
            ),
        ]
            + ["boolean", "integer", "string", "array", "object"].map {
                ("\($0)OrEmpty", ["anyOf": [["type": .string($0)], reference("empty")]])
            } + [
                (
                    "cell",
                    [
                        "anyOf": [
                            .object([("type", "integer")] + limits(0...Int(UInt32.max))),
                            object(with: "phandle", .object([("type", "string")] + text(.label))),
                        ]
                    ]
                ),
                (
                    "number64",
                    [
                        "anyOf": [
                            ["type": "integer", "minimum": .number(0), "maximum": .number(UInt64.max)],
                            ["type": "string", "pattern": .string(Pattern.number64)],
                        ]
                    ]
                ),
            ]
    }

    /// The words of the keys in any section that mean none.
    private static var emptyWords: [String] {
        let sections = [ConfigurationReference.root] + ConfigurationReference.root.keys.compactMap(\.section)
        return Set(sections.flatMap(\.lacking).compactMap(\.emptyWord)).sorted()
    }
}

extension KeyDescription {
    /// The table of the object, or of each object in the array, that is the key's value; nil for other values.
    var section: Section? {
        switch shape {
        case .object(let section), .objects(let section), .device(let section), .choiceOrObjects(_, _, _, let section):
            section()
        default: nil
        }
    }
}

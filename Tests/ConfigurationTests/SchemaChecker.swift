// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

@testable import Configuration

/// Whether a value conforms to a JSON Schema (draft 2020-12), for the keywords that configs/schema.json uses.
///
/// A keyword that it doesn't know throws, so that the schema can't say more than the tests check.
enum SchemaChecker {
    struct UnknownKeyword: Error {
        let keyword: String
    }

    /// - Parameter root: the schema whose $defs are meant by $ref; by default `schema` itself.
    static func conforms(_ node: JSONNode, to schema: JSONNode, in root: JSONNode? = nil) throws -> Bool {
        var conforms = true
        for (keyword, argument) in try schema.members()
        where try !check(keyword, argument, node, schema, root ?? schema) {
            conforms = false
        }
        return conforms
    }

    private static func check(
        _ keyword: String, _ argument: JSONNode, _ node: JSONNode, _ schema: JSONNode, _ root: JSONNode
    ) throws -> Bool {
        func conforms(_ node: JSONNode, to schema: JSONNode) throws -> Bool {
            try self.conforms(node, to: schema, in: root)
        }
        return switch keyword {
        case "$schema", "$defs", "title", "description", "default": true
        case "$ref": try conforms(node, to: definition(argument.string(), in: root))
        case "minItems": try node.value.count.map { try Double($0) >= argument.number() } ?? true
        case "maxItems": try node.value.count.map { try Double($0) <= argument.number() } ?? true
        case "propertyNames":
            if case .object(let members) = node.value {
                try members.allSatisfy {
                    try conforms(JSONNode(value: .string($0.key), offset: $0.keyOffset), to: argument)
                }
            } else {
                true
            }
        case "type": try isType(argument.string(), node.value)
        case "const": Tree(node) == Tree(argument)
        case "enum": try argument.elements().contains { Tree(node) == Tree($0) }
        case "not": try !conforms(node, to: argument)
        case "anyOf": try argument.elements().count { try conforms(node, to: $0) } > 0
        case "minimum": try node.value.number.map { try $0 >= argument.number() } ?? true
        case "maximum": try node.value.number.map { try $0 <= argument.number() } ?? true
        case "multipleOf":
            try node.value.number.map { try $0.remainder(dividingBy: argument.number()) == 0 } ?? true
        case "minLength": try node.value.text.map { try Double($0.unicodeScalars.count) >= argument.number() } ?? true
        case "maxLength": try node.value.text.map { try Double($0.unicodeScalars.count) <= argument.number() } ?? true
        case "pattern":
            try node.value.text.map { text in
                try text.contains(Regex(argument.string()).matchingSemantics(.unicodeScalar))
            } ?? true
        case "items":
            if case .array(let elements) = node.value {
                try elements.allSatisfy { try conforms($0, to: argument) }
            } else {
                true
            }
        case "required":
            if case .object(let members) = node.value {
                try argument.elements().allSatisfy { name in try members.contains { try $0.key == name.string() } }
            } else {
                true
            }
        case "properties": try propertiesConform(node, to: argument, root)
        case "additionalProperties": try othersConform(than: schema.member("properties"), node, argument, root)
        default: throw UnknownKeyword(keyword: keyword)
        }
    }

    private static func isType(_ type: String, _ value: JSONValue) throws -> Bool {
        switch (type, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("boolean", .boolean): true
        // Section 6.1.1 of the validation vocabulary: any number without a fraction, however it is written.
        case ("integer", .number): value.number.map { $0 == $0.rounded() } ?? false
        case ("object", _), ("array", _), ("string", _), ("boolean", _), ("integer", _): false
        default: throw UnknownKeyword(keyword: "type: \(type)")
        }
    }

    private static func propertiesConform(
        _ node: JSONNode, to properties: JSONNode, _ root: JSONNode
    ) throws -> Bool {
        guard case .object(let members) = node.value else { return true }
        return try members.allSatisfy { member in
            guard let schema = try properties.member(member.key) else { return true }
            return try conforms(member.node, to: schema, in: root)
        }
    }

    /// "additionalProperties": what isn't in `properties` conforms to `argument`, of which false stands for nothing.
    private static func othersConform(
        than properties: JSONNode?, _ node: JSONNode, _ argument: JSONNode, _ root: JSONNode
    ) throws -> Bool {
        guard case .object(let members) = node.value else { return true }
        let others = try members.filter { try properties?.member($0.key) == nil }
        if argument.value == .boolean(false) { return others.isEmpty }
        return try others.allSatisfy { try conforms($0.node, to: argument, in: root) }
    }

    /// What "#/$defs/name" means.
    private static func definition(_ reference: String, in root: JSONNode) throws -> JSONNode {
        let prefix = "#/$defs/"
        guard reference.hasPrefix(prefix),
            let definition = try root.member("$defs")?.member(String(reference.dropFirst(prefix.count)))
        else { throw UnknownKeyword(keyword: "$ref: \(reference)") }
        return definition
    }
}

/// What a schema says, or an error that names what was wanted there.
extension JSONNode {
    struct Unexpected: Error {
        let wanted: String
        let node: JSONNode
    }

    func members() throws -> [(String, JSONNode)] {
        guard case .object(let members) = value else { throw Unexpected(wanted: "object", node: self) }
        return members.map { ($0.key, $0.node) }
    }

    func member(_ key: String) throws -> JSONNode? { try members().first { $0.0 == key }?.1 }

    func elements() throws -> [JSONNode] {
        guard case .array(let elements) = value else { throw Unexpected(wanted: "array", node: self) }
        return elements
    }

    func string() throws -> String {
        guard case .string(let text) = value else { throw Unexpected(wanted: "string", node: self) }
        return text
    }

    func number() throws -> Double {
        guard let number = value.number else { throw Unexpected(wanted: "number", node: self) }
        return number
    }
}

extension JSONValue {
    var number: Double? {
        guard case .number(let text) = self else { return nil }
        return Double(text)
    }

    /// How many elements an array has.
    var count: Int? {
        guard case .array(let elements) = self else { return nil }
        return elements.count
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}

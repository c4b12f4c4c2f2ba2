// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A JSON value and where it starts in the text.
struct JSONNode: Equatable, Sendable {
    let value: JSONValue
    /// Bytes from the start of the text.
    let offset: Int
}

/// What a JSON text can say (RFC 8259, section 3).
enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    /// As spelled in the text: only the reader of a key knows the type that it must fit.
    case number(String)
    case string(String)
    case array([JSONNode])
    /// In the text's order; a key may occur twice.
    case object([JSONMember])

    /// `null`, `false`, an empty array or object: what generated files have for a key that says nothing.
    var isEmpty: Bool {
        switch self {
        case .null, .boolean(false): true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }

    /// How an error message shows it: short, on one line, safe to print on a terminal.
    var shown: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let text): abridged(text)
        case .string(let text): "\"\(abridged(text))\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// A key of a JSON object and its value.
struct JSONMember: Equatable, Sendable {
    let key: String
    let keyOffset: Int
    let node: JSONNode
}

/// `text` with control characters escaped and, when it is long, its end cut off and its length told instead.
func abridged(_ text: String, limit: Int = 60) -> String {
    var result = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
        guard count < limit else { return result + "…, \(text.utf8.count) bytes" }
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                result.unicodeScalars.append(scalar)
            }
        }
    }
    return result
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A JSON value and its offset in the text.
struct JSONNode: Equatable, Sendable {
    let value: JSONValue
    /// Bytes from the start of the text.
    let offset: Int
}

/// A value of a JSON text (RFC 8259, section 3).
enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    /// As spelled in the text: only the reader of a key knows its type.
    case number(String)
    case string(String)
    case array([JSONNode])
    /// In the text's order; a key may occur twice.
    case object([JSONMember])

    /// Whether it is `null`, `false`, or an empty array or object: generated files use these for keys that aren't set.
    var isEmpty: Bool {
        switch self {
        case .null, .boolean(false): true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }

    /// The value in error messages: short, on one line, safe to print on a terminal.
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

/// `text` with control characters escaped. The end of a long text is replaced by its length.
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

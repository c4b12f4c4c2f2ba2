// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A JSON value to be written, its keys in the order given.
indirect enum JSONText: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByArrayLiteral, Sendable
{
    case null
    case boolean(Bool)
    /// As it is spelled.
    case number(String)
    case string(String)
    case array([JSONText])
    case object([(String, JSONText)])
    /// JSON already.
    case raw(String)

    init(stringLiteral value: String) { self = .string(value) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
    init(dictionaryLiteral members: (String, JSONText)...) { self = .object(members) }
    init(arrayLiteral elements: JSONText...) { self = .array(elements) }

    static func number(_ value: some BinaryInteger) -> JSONText { .number("\(value)") }

    /// The value on lines of at most 120 columns as far as that can be, each level indented by two.
    /// - Parameter column: how much of the first line is taken.
    func text(indent: Int = 0, column: Int = 0) -> String {
        let line = compact
        // Behind it a comma may stand.
        if column + line.count < 120 { return line }
        let margin = String(repeating: " ", count: indent + 2)
        let parts: [String]
        let (open, close): (String, String)
        switch self {
        case .array(let elements):
            (open, close) = ("[", "]")
            parts = elements.map { $0.text(indent: indent + 2, column: indent + 2) }
        case .object(let members):
            (open, close) = ("{", "}")
            parts = members.map { key, value in
                let start = "\(Self.quoted(key)): "
                return start + value.text(indent: indent + 2, column: indent + 2 + start.count)
            }
        default: return line
        }
        let end = String(repeating: " ", count: indent) + close
        return "\(open)\n\(parts.map { margin + $0 }.joined(separator: ",\n"))\n\(end)"
    }

    /// On one line.
    private var compact: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .number(let text): text
        case .raw(let text): text
        case .string(let text): Self.quoted(text)
        case .array(let elements): "[\(elements.map(\.compact).joined(separator: ", "))]"
        case .object(let members) where members.isEmpty: "{}"
        case .object(let members):
            "{ \(members.map { "\(Self.quoted($0)): \($1.compact)" }.joined(separator: ", ")) }"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

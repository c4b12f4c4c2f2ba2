// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A piece of Swift source, as far as the search for texts needs to know.
enum SwiftToken: Equatable {
    /// A name, a keyword or a number.
    case word(String)
    case symbol(Character)
    /// A string literal, its interpolations as they stand in the source. Literals that `+` joins are one.
    case text(String)
}

/// Takes Swift source apart; comments are left out.
struct SwiftTokens {
    private let source: [UInt8]
    private var position = 0
    private var tokens: [SwiftToken] = []

    /// - Parameter source: of the house's style: no comments in comments, `#"` only for raw strings of one line.
    static func of(_ source: String) -> [SwiftToken] {
        var reader = SwiftTokens(source: Array(source.utf8))
        reader.readAll()
        return reader.tokens
    }

    private init(source: [UInt8]) { self.source = source }

    private func starts(with text: String) -> Bool {
        source[position] == text.utf8.first && source[position...].starts(with: text.utf8)
    }

    private mutating func readAll() {
        while position < source.count {
            let byte = source[position]
            if starts(with: "//") {
                while position < source.count, source[position] != UInt8(ascii: "\n") { position += 1 }
            } else if starts(with: "#\"") {
                add(text: readRawLiteral())
            } else if byte == UInt8(ascii: "\"") {
                add(text: readLiteral())
            } else if Self.isWord(byte) || byte == UInt8(ascii: "`") {
                let start = position
                while position < source.count, Self.isWord(source[position]) || source[position] == UInt8(ascii: "`") {
                    position += 1
                }
                tokens.append(.word(String(decoding: source[start..<position], as: UTF8.self).filter { $0 != "`" }))
            } else {
                if byte > UInt8(ascii: " ") { tokens.append(.symbol(Character(UnicodeScalar(byte)))) }
                position += 1
            }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    private mutating func add(text: String) {
        if tokens.last == .symbol("+"), case .text(let first)? = tokens.dropLast().last {
            tokens.removeLast(2)
            tokens.append(.text(first + text))
        } else {
            tokens.append(.text(text))
        }
    }

    /// Reads `#"…"#`, which has no escapes.
    private mutating func readRawLiteral() -> String {
        position += 2
        let start = position
        while !starts(with: "\"#") { position += 1 }
        position += 2
        return String(decoding: source[start..<position - 2], as: UTF8.self)
    }

    /// Reads a literal from its first quote to behind its last.
    private mutating func readLiteral() -> String {
        let isBlock = starts(with: "\"\"\"")
        position += isBlock ? 3 : 1
        let start = position
        while isBlock ? !starts(with: "\"\"\"") : source[position] != UInt8(ascii: "\"") {
            if starts(with: "\\(") { skipInterpolation() } else { position += starts(with: "\\") ? 2 : 1 }
        }
        let text = String(decoding: source[start..<position], as: UTF8.self)
        position += isBlock ? 3 : 1
        return isBlock ? Self.block(text) : Self.unescaped(text)
    }

    private mutating func skipInterpolation() {
        position += 2
        var depth = 1
        while depth > 0 {
            switch source[position] {
            case UInt8(ascii: "\""): _ = readLiteral()
            case UInt8(ascii: "("):
                depth += 1
                position += 1
            case UInt8(ascii: ")"):
                depth -= 1
                position += 1
            default: position += 1
            }
        }
    }

    private static func unescaped(_ text: String) -> String {
        text.replacing("\\\"", with: "\"").replacing("\\n", with: "\n")
    }

    /// The lines of a literal in three quotes, without the indentation of its last.
    private static func block(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst()
        let indentation = lines.last?.count ?? 0
        return unescaped(
            lines.dropLast().map { $0.dropFirst(indentation) }.joined(separator: "\n").replacing("\\\n", with: ""))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Why a text is not JSON, and where the error is.
struct JSONSyntaxError: Error, Equatable {
    /// Bytes from the start of the text.
    let offset: Int
    let found: String
    let allowed: String

    func problem(in text: [UInt8]) -> ConfigurationProblem {
        var position = TextPosition()
        position.advance(to: offset, in: text)
        return ConfigurationProblem(
            path: "", line: position.line, column: position.column, found: found, allowed: allowed, suggestion: nil)
    }
}

/// Reads a JSON text (RFC 8259) into nodes with their offsets.
///
/// Foundation's JSONDecoder is not used, for three reasons: on Linux its errors have neither line nor column; of two
/// equal keys it silently drops one; and one decode costs more instructions than the rest of the start-up may. The unit
/// tests compare this parser with it.
///
/// Strict where RFC 8259 is strict (no comments, no trailing commas, no lone surrogates). A byte order mark is skipped,
/// as section 8.1 allows.
struct JSONParser {
    /// Values that are nested deeper are refused, so that a hostile file can't exhaust the stack.
    static let maximumDepth = 32

    private let bytes: [UInt8]
    private var index = 0

    /// - Throws: `JSONSyntaxError` for the first place that is not JSON in UTF-8.
    static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONNode {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            let offset = error.byteOffsets.lowerBound
            throw JSONSyntaxError(offset: offset, found: shownByte(bytes[offset]), allowed: "text in UTF-8")
        }
        var parser = JSONParser(bytes: bytes)
        return try parser.parseDocument()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Values

    private mutating func parseDocument() throws(JSONSyntaxError) -> JSONNode {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        skipWhitespace()
        let node = try parseValue(depth: 1)
        skipWhitespace()
        guard index == bytes.count else { throw unexpected(allowed: "the end of the file") }
        return node
    }

    private mutating func parseValue(depth: Int) throws(JSONSyntaxError) -> JSONNode {
        guard depth <= Self.maximumDepth else {
            throw JSONSyntaxError(
                offset: index, found: "a value in \(Self.maximumDepth) others",
                allowed: "\(Self.maximumDepth) levels of arrays and objects")
        }
        let offset = index
        let value: JSONValue
        switch current {
        case "{": value = .object(try parseMembers(depth: depth))
        case "[": value = .array(try parseElements(depth: depth))
        case "\"": value = .string(try parseString())
        case "-", "0"..."9": value = .number(try parseNumber())
        case "t": value = .boolean(try parseWord("true", meaning: true))
        case "f": value = .boolean(try parseWord("false", meaning: false))
        case "n": value = try parseWord("null", meaning: .null)
        default: throw unexpected(allowed: "a value")
        }
        return JSONNode(value: value, offset: offset)
    }

    private mutating func parseMembers(depth: Int) throws(JSONSyntaxError) -> [JSONMember] {
        var members: [JSONMember] = []
        index += 1
        skipWhitespace()
        if skip("}") { return members }
        while true {
            guard current == "\"" else {
                throw unexpected(
                    allowed: members.isEmpty ? "a key in double quotes or '}'" : "a key in double quotes after ','")
            }
            let keyOffset = index
            let key = try parseString()
            skipWhitespace()
            guard skip(":") else { throw unexpected(allowed: "':' after the key \"\(abridged(key))\"") }
            skipWhitespace()
            members.append(JSONMember(key: key, keyOffset: keyOffset, node: try parseValue(depth: depth + 1)))
            skipWhitespace()
            if skip("}") { return members }
            guard skip(",") else { throw unexpected(allowed: "',' or '}' after a value") }
            skipWhitespace()
        }
    }

    private mutating func parseElements(depth: Int) throws(JSONSyntaxError) -> [JSONNode] {
        var elements: [JSONNode] = []
        index += 1
        skipWhitespace()
        if skip("]") { return elements }
        while true {
            elements.append(try parseValue(depth: depth + 1))
            skipWhitespace()
            if skip("]") { return elements }
            guard skip(",") else { throw unexpected(allowed: "',' or ']' after a value") }
            skipWhitespace()
        }
    }

    private mutating func parseWord<Meaning>(
        _ word: String, meaning: Meaning
    ) throws(JSONSyntaxError) -> Meaning {
        let start = index
        while current.isLetterOrDigit { index += 1 }
        guard bytes[start..<index].elementsEqual(word.utf8) else {
            let found = String(decoding: bytes[start..<index], as: UTF8.self)
            throw JSONSyntaxError(offset: start, found: abridged(found), allowed: word)
        }
        return meaning
    }

    /// Checks a number's spelling (section 6) and returns it.
    private mutating func parseNumber() throws(JSONSyntaxError) -> String {
        let start = index
        _ = skip("-")
        if skip("0") {
            guard !current.isDigit else {
                throw unexpected(allowed: "a number without leading zeros (hexadecimal: a string \"0x…\")")
            }
        } else {
            try skipDigits()
        }
        if skip(".") { try skipDigits() }
        if skip("e") || skip("E") {
            if !skip("+") { _ = skip("-") }
            try skipDigits()
        }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func skipDigits() throws(JSONSyntaxError) {
        guard current.isDigit else { throw unexpected(allowed: "a digit") }
        while current.isDigit { index += 1 }
    }

    // MARK: Strings

    private mutating func parseString() throws(JSONSyntaxError) -> String {
        index += 1
        let start = index
        while current != "\"", current != "\\", current.value >= 0x20 { index += 1 }
        if current == "\"" {
            defer { index += 1 }
            return String(decoding: bytes[start..<index], as: UTF8.self)
        }
        return try parseEscapedString(start: start)
    }

    /// Reads a string whose text begins at `start`, and whose first escape, or first error, is at `index`.
    private mutating func parseEscapedString(start: Int) throws(JSONSyntaxError) -> String {
        var text = Array(bytes[start..<index])
        while true {
            let byte = current
            guard byte.value >= 0x20 else {
                throw unexpected(allowed: "a closing double quote (a control character is written as an escape)")
            }
            index += 1
            switch byte {
            case "\"": return String(decoding: text, as: UTF8.self)
            case "\\": text.append(contentsOf: String(try parseEscape()).utf8)
            default: text.append(byte.value)
            }
        }
    }

    /// The scalar of the escape sequence after a backslash (section 7).
    private mutating func parseEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let escape = current
        guard escape != "u" else { return try parseUnicodeEscape() }
        let scalar: Unicode.Scalar
        switch escape {
        case "\"", "\\", "/": scalar = Unicode.Scalar(bytes[index])
        case "b": scalar = "\u{8}"
        case "f": scalar = "\u{c}"
        case "n": scalar = "\n"
        case "r": scalar = "\r"
        case "t": scalar = "\t"
        default: throw unexpected(allowed: "one of \" \\ / b f n r t u after a backslash")
        }
        index += 1
        return scalar
    }

    private mutating func parseUnicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = index - 1
        let unit = try parseHexadecimalUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        // A surrogate: only the first of a pair, followed directly by the second, is a character.
        if UTF16.isLeadSurrogate(unit), skip("\\"), current == "u" {
            let trail = try parseHexadecimalUnit()
            if UTF16.isTrailSurrogate(trail) {
                return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
            }
        }
        throw JSONSyntaxError(
            offset: start, found: "half of a surrogate pair",
            allowed: "a character: \\uD800-\\uDBFF then \\uDC00-\\uDFFF")
    }

    /// The four hexadecimal digits after `u`, which is current.
    private mutating func parseHexadecimalUnit() throws(JSONSyntaxError) -> UInt16 {
        var unit: UInt16 = 0
        index += 1
        for _ in 0..<4 {
            guard let digit = current.hexadecimalValue else { throw unexpected(allowed: "four hexadecimal digits") }
            unit = unit << 4 | UInt16(digit)
            index += 1
        }
        return unit
    }

    // MARK: Bytes

    /// The byte at `index`; NUL at the end of the text, because JSON never contains NUL.
    private var current: ASCIIByte { ASCIIByte(value: index < bytes.count ? bytes[index] : 0) }

    private mutating func skip(_ byte: ASCIIByte) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    private mutating func skipWhitespace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private func unexpected(allowed: String) -> JSONSyntaxError {
        guard index < bytes.count else {
            return JSONSyntaxError(offset: index, found: "the end of the file", allowed: allowed)
        }
        guard bytes[index] >= 0x20, bytes[index] != 0x7F else {
            return JSONSyntaxError(offset: index, found: Self.shownByte(bytes[index]), allowed: allowed)
        }
        var character = String(String(decoding: bytes[index..<min(index + 4, bytes.count)], as: UTF8.self).prefix(1))
        if character != "\"", character != "\\" { character = abridged(character) }
        return JSONSyntaxError(offset: index, found: "'\(character)'", allowed: allowed)
    }

    private static func shownByte(_ byte: UInt8) -> String {
        "the byte 0x\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))"
    }
}

/// A byte that can be compared with a character literal.
private struct ASCIIByte: Comparable, ExpressibleByUnicodeScalarLiteral {
    let value: UInt8

    init(value: UInt8) { self.value = value }
    init(unicodeScalarLiteral scalar: Unicode.Scalar) { value = UInt8(truncatingIfNeeded: scalar.value) }

    static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    var isDigit: Bool { "0"..."9" ~= self }
    var isLetterOrDigit: Bool { isDigit || "a"..."z" ~= self || "A"..."Z" ~= self }

    var hexadecimalValue: UInt8? {
        switch self {
        case "0"..."9": value - 0x30
        case "a"..."f": value - 0x61 + 10
        case "A"..."F": value - 0x41 + 10
        default: nil
        }
    }
}

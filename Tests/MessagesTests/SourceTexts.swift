// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import Testing

/// What the sources say of texts for users: the types that become text, their cases, and the texts that stand
/// elsewhere.
struct SourceTexts {
    /// A text that stands in no type of `types`.
    struct Loose: Hashable {
        /// The module and, but for free functions, the type in which it stands: "Machine: RunningGuest".
        let place: String
        let text: String
    }

    /// By the type's name: the names of its cases; empty for a struct.
    private(set) var types: [String: [String]] = [:]
    private(set) var loose: Set<Loose> = []

    /// A computed property of such a name that is a `String`, or several, makes its type one that becomes text.
    private static let properties: Set = [
        "description", "summary", "remedy", "help", "text", "lines", "what", "reason", "word", "detail", "advice",
        "shortText", "cause",
    ]

    /// - Parameter folder: with a folder for each module.
    init(folder: String) throws {
        var files: [(module: String, tokens: [SwiftToken])] = []
        let paths = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        for path in paths.filter({ $0.hasSuffix(".swift") }).sorted() {
            let source = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
            files.append((String(path.prefix { $0 != "/" }), SwiftTokens.of(source)))
        }
        self.init(files)
    }

    init(_ files: [(module: String, tokens: [SwiftToken])]) {
        var cases: [String: [String]] = [:]
        var textual: Set<String> = []
        var literals: [(module: String, type: String, text: String)] = []
        for file in files {
            var reader = DeclarationReader(tokens: file.tokens)
            reader.read()
            cases.merge(reader.cases) { $0 + $1 }
            textual.formUnion(reader.textual)
            for literal in reader.literals { literals.append((file.module, literal.type, literal.text)) }
        }
        for type in textual { types[type] = cases[type] ?? [] }
        for (module, type, text) in literals where types[type] == nil && Self.isProse(text) {
            // Those of keys' documentation, which docs/configuration.md has.
            if module == "Configuration", text.hasSuffix(".") { continue }
            loose.insert(Loose(place: type.isEmpty ? module : "\(module): \(type)", text: text))
        }
    }

    static func isPropertyOfTexts(_ name: String) -> Bool { properties.contains(name) }

    /// Words with a blank between them, outside interpolations; tables of names have many.
    private static func isProse(_ text: String) -> Bool {
        var plain = ""
        var depth = 0
        for character in text {
            if character == "(", depth > 0 || plain.last == "\\" {
                depth += 1
            } else if character == ")", depth > 0 {
                depth -= 1
            } else if depth == 0 {
                plain.append(character)
            }
        }
        let words = plain.split(whereSeparator: { !$0.isLetter }).filter { $0.count > 1 }
        return words.count > 1 && text.count < 1000 && text.contains(" ")
    }
}

/// Reads the declarations of one file.
private struct DeclarationReader {
    let tokens: [SwiftToken]
    private(set) var cases: [String: [String]] = [:]
    private(set) var textual: Set<String> = []
    private(set) var literals: [(type: String, text: String)] = []
    /// For each open brace the name of the type that it opens; nil for any other.
    private var braces: [String?] = []
    private var index = 0

    init(tokens: [SwiftToken]) { self.tokens = tokens }

    private var type: String { braces.compactMap(\.self).last ?? "" }

    /// Whether the innermost open brace is a type's own.
    private var isInType: Bool { braces.last.flatMap(\.self) != nil }

    private func token(_ offset: Int) -> SwiftToken? {
        tokens.indices.contains(index + offset) ? tokens[index + offset] : nil
    }

    mutating func read() {
        var opening: String?
        while let token = token(0) {
            switch token {
            case .word(let word) where ["enum", "struct", "class", "actor", "extension"].contains(word):
                opening = declaration() ?? opening
            case .word("case"):
                if isInType { readCases() } else { index += 1 }
            case .word("var"):
                readProperty()
                index += 1
            case .symbol("{"):
                braces.append(opening)
                opening = nil
                index += 1
            case .symbol("}"):
                _ = braces.popLast()
                index += 1
            case .text(let text):
                literals.append((type, text))
                index += 1
            default: index += 1
            }
        }
    }

    /// The full name of the type whose declaration begins here; nil for `class func` and the like.
    private mutating func declaration() -> String? {
        index += 1
        guard case .word(var name)? = token(0), name.first?.isUppercase == true else { return nil }
        index += 1
        while token(0) == .symbol("."), case .word(let part)? = token(1) {
            name += ".\(part)"
            index += 2
        }
        let outer = type
        let full = outer.isEmpty ? name : "\(outer).\(name)"
        // What it conforms to stands before its brace.
        var offset = 0
        while let token = token(offset), token != .symbol("{") {
            if token == .word("Error") || token == .word("CustomStringConvertible") { textual.insert(full) }
            offset += 1
        }
        return full
    }

    /// `case first, second(Int)`
    private mutating func readCases() {
        let owner = type
        repeat {
            index += 1
            guard case .word(let name)? = token(0) else { return }
            cases[owner, default: []].append(name)
            index += 1
            if token(0) == .symbol("(") {
                var depth = 0
                repeat {
                    if token(0) == .symbol("(") { depth += 1 }
                    if token(0) == .symbol(")") { depth -= 1 }
                    index += 1
                } while depth > 0
            }
            if token(0) == .symbol("=") { index += 2 }
        } while token(0) == .symbol(",")
    }

    /// `var text: String {`
    private mutating func readProperty() {
        guard isInType, case .word(let name)? = token(1),
            SourceTexts.isPropertyOfTexts(name), token(2) == .symbol(":")
        else { return }
        let rest = (3...6).compactMap { token($0) }
        let forms: [[SwiftToken]] = [
            [.word("String"), .symbol("{")], [.word("String"), .symbol("?"), .symbol("{")],
            [.symbol("["), .word("String"), .symbol("]"), .symbol("{")],
        ]
        if forms.contains(where: { rest.starts(with: $0) }) { textual.insert(type) }
    }
}

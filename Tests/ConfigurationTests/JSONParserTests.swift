// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

@testable import Configuration

/// The tree of a text, as the parser or as Foundation reads it; numbers as Double, of equal keys the first.
enum Tree: Equatable, Decodable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([Tree])
    case object([String: Tree])

    init(_ node: JSONNode) {
        switch node.value {
        case .null: self = .null
        case .boolean(let value): self = .boolean(value)
        case .number(let text): self = .number(Double(text) ?? .nan)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .array(elements.map(Tree.init))
        case .object(let members):
            self = .object(Dictionary(members.map { ($0.key, Tree($0.node)) }, uniquingKeysWith: { first, _ in first }))
        }
    }

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: AnyKey.self) {
            var members: [String: Tree] = [:]
            for key in object.allKeys { members[key.stringValue] = try object.decode(Tree.self, forKey: key) }
            self = .object(members)
        } else if var array = try? decoder.unkeyedContainer() {
            var elements: [Tree] = []
            while !array.isAtEnd { elements.append(try array.decode(Tree.self)) }
            self = .array(elements)
        } else {
            let value = try decoder.singleValueContainer()
            if value.decodeNil() {
                self = .null
            } else if let boolean = try? value.decode(Bool.self) {
                self = .boolean(boolean)
            } else if let string = try? value.decode(String.self) {
                self = .string(string)
            } else {
                self = .number(try value.decode(Double.self))
            }
        }
    }

    struct AnyKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

struct JSONParserTests {
    @Test func `every kind of value and its place`() throws {
        let root = try JSONParser.parse(Array(#" {"a": [null, true, false, -1.5e+3, "x"], "b": {}}"#.utf8))

        #expect(root.offset == 1)
        guard case .object(let members) = root.value else {
            Issue.record("no object: \(root)")
            return
        }
        #expect(members.map(\.key) == ["a", "b"])
        #expect(members.map(\.keyOffset) == [2, 42])
        #expect(
            members.map(\.node) == [
                JSONNode(
                    value: .array([
                        JSONNode(value: .null, offset: 8), JSONNode(value: .boolean(true), offset: 14),
                        JSONNode(value: .boolean(false), offset: 20), JSONNode(value: .number("-1.5e+3"), offset: 27),
                        JSONNode(value: .string("x"), offset: 36),
                    ]), offset: 7),
                JSONNode(value: .object([]), offset: 47),
            ])
    }

    @Test(arguments: [
        (#""""#, ""),
        (#""é€😀""#, "é€😀"),
        (#""\" \\ \/ \b \f \n \r \t""#, "\" \\ / \u{8} \u{c} \n \r \t"),
        (#""\u0041\u00e9\u20AC\ud83d\ude00""#, "Aé€😀"),
        (#""a\u0000b""#, "a\u{0}b"),
        (#""é\n""#, "é\n"),
    ])
    func `strings and their escapes`(text: String, expected: String) throws {
        #expect(try JSONParser.parse(Array(text.utf8)).value == .string(expected))
    }

    @Test(arguments: ["0", "-0", "10", "1.5", "-0.0", "1e300", "1E-5", "18446744073709551616", "0.1e+01"])
    func `numbers keep their spelling`(text: String) throws {
        #expect(try JSONParser.parse(Array(text.utf8)).value == .number(text))
    }

    @Test func `a byte order mark is skipped`() throws {
        #expect(try JSONParser.parse([0xEF, 0xBB, 0xBF, UInt8(ascii: "1")]).value == .number("1"))
    }

    @Test(arguments: [
        ("", 0, "the end of the file", "a value"),
        (" \n ", 3, "the end of the file", "a value"),
        ("{", 1, "the end of the file", "a key in double quotes or '}'"),
        ("{} x", 3, "'x'", "the end of the file"),
        (#"{"a" 1}"#, 5, "'1'", #"':' after the key "a""#),
        (#"{"a": 1 "b": 2}"#, 8, "'\"'", "',' or '}' after a value"),
        (#"{"a": 1,}"#, 8, "'}'", "a key in double quotes after ','"),
        ("{a: 1}", 1, "'a'", "a key in double quotes or '}'"),
        ("{'a': 1}", 1, "'''", "a key in double quotes or '}'"),
        ("[1,]", 3, "']'", "a value"),
        ("[1 2]", 3, "'2'", "',' or ']' after a value"),
        ("[1", 2, "the end of the file", "',' or ']' after a value"),
        ("// comment\n{}", 0, "'/'", "a value"),
        ("é", 0, "'é'", "a value"),
        ("tru", 0, "tru", "true"),
        ("truth", 0, "truth", "true"),
        ("nan", 0, "nan", "null"),
        ("False", 0, "'F'", "a value"),
        ("+1", 0, "'+'", "a value"),
        ("-", 1, "the end of the file", "a digit"),
        ("1.", 2, "the end of the file", "a digit"),
        (".5", 0, "'.'", "a value"),
        ("1e", 2, "the end of the file", "a digit"),
        ("1e+x", 3, "'x'", "a digit"),
        ("01", 1, "'1'", "a number without leading zeros (hexadecimal: a string \"0x…\")"),
        ("0x1000", 1, "'x'", "the end of the file"),
        ("\"a", 2, "the end of the file", "a closing double quote (a control character is written as an escape)"),
        ("\"a\nb\"", 2, "the byte 0x0a", "a closing double quote (a control character is written as an escape)"),
        ("\"\\", 2, "the end of the file", "one of \" \\ / b f n r t u after a backslash"),
        ("\"\\x\"", 2, "'x'", "one of \" \\ / b f n r t u after a backslash"),
        ("\"\\u12g4\"", 5, "'g'", "four hexadecimal digits"),
        ("\"\\u12", 5, "the end of the file", "four hexadecimal digits"),
        ("\"\\ud800\"", 1, "half of a surrogate pair", "a character: \\uD800-\\uDBFF then \\uDC00-\\uDFFF"),
        ("\"\\ud800\\u0041\"", 1, "half of a surrogate pair", "a character: \\uD800-\\uDBFF then \\uDC00-\\uDFFF"),
        ("\"\\udc00\\ud800\"", 1, "half of a surrogate pair", "a character: \\uD800-\\uDBFF then \\uDC00-\\uDFFF"),
        ("\u{0}", 0, "the byte 0x00", "a value"),
        ("\u{7f}", 0, "the byte 0x7f", "a value"),
    ])
    func `what is not JSON, where, and what belongs there`(text: String, offset: Int, found: String, allowed: String) {
        #expect(throws: JSONSyntaxError(offset: offset, found: found, allowed: allowed)) {
            try JSONParser.parse(Array(text.utf8))
        }
    }

    @Test(arguments: [
        ([0xFF, 0xFE, 0x7B, 0x00], 0, "the byte 0xff"),
        ([0x22, 0xC3, 0x28, 0x22], 1, "the byte 0xc3"),
        ([0x22, 0xED, 0xA0, 0x80, 0x22], 1, "the byte 0xed"),
        ([0x22, 0xE2, 0x82], 1, "the byte 0xe2"),
    ])
    func `bytes that are not UTF-8`(bytes: [UInt8], offset: Int, found: String) {
        #expect(throws: JSONSyntaxError(offset: offset, found: found, allowed: "text in UTF-8")) {
            try JSONParser.parse(bytes)
        }
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `nesting is limited`(opening: String) throws {
        let closing = opening == "[" ? "]" : "}"
        let deepest = JSONParser.maximumDepth - 1
        let allowed = String(repeating: opening, count: deepest) + "0" + String(repeating: closing, count: deepest)
        _ = try JSONParser.parse(Array(allowed.utf8))

        for depth in [deepest + 1, 200_000] {
            let bomb = String(repeating: opening, count: depth) + "0" + String(repeating: closing, count: depth)
            #expect(
                throws: JSONSyntaxError(
                    offset: opening.utf8.count * (deepest + 1), found: "a value in 32 others",
                    allowed: "32 levels of arrays and objects")
            ) { try JSONParser.parse(Array(bomb.utf8)) }
        }
    }

    /// Foundation's decoder as the judge of 20,000 mutated texts, but for what it gets wrong by RFC 8259: it takes a
    /// comma behind the last element, and refuses a zero with an exponent.
    @Test func `the parser agrees with Foundation's`() throws {
        let seeds = [
            #"{"a": [1, -2.5e3, "x\n\u00e9\ud83d\ude00", true, false, null], "b": {"c": {}, "d": []}}"#,
            #"[0, 10, 0.5, 1e2, "é", {"k": "\"\\\/\b\f\r\t"}, [[[]]]]"#,
        ].map { Array($0.utf8) }
        let alphabet = Array("{}[]:,\"\\/ntfu0189.-+eE \n\u{1}\u{7f}a".utf8) + [0xC3, 0xA9, 0xFF, 0xED]
        var generator = SeededGenerator(state: 2)
        var accepted = 0
        for round in 0..<20_000 {
            let text = mutated(seeds[round % seeds.count], alphabet: alphabet, using: &generator)

            let theirs = try? JSONDecoder().decode(Tree.self, from: Data(text))
            do throws(JSONSyntaxError) {
                let ours = Tree(try JSONParser.parse(text))
                accepted += 1
                let hasZeroWithExponent = text.indices.dropLast().contains { index in
                    text[index] == UInt8(ascii: "0") && text[index + 1] | 0x20 == UInt8(ascii: "e")
                }
                if theirs != nil || !hasZeroWithExponent {
                    #expect(ours == theirs, "\(String(decoding: text, as: UTF8.self))")
                }
            } catch {
                let isTrailingComma = ["']'", "'}'"].contains(error.found)
                #expect(theirs == nil || isTrailingComma, "\(String(decoding: text, as: UTF8.self)): \(error)")
            }
        }
        // Both sides of the comparison were exercised.
        #expect(accepted > 1000 && accepted < 19_000, "\(accepted) accepted")
    }
}

/// `text` with one to four bytes replaced, inserted, removed or doubled.
func mutated(_ text: [UInt8], alphabet: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var text = text
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !text.isEmpty {
        let index = Int.random(in: text.indices, using: &generator)
        let byte = alphabet.randomElement(using: &generator) ?? 0
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: text[index] = byte
        case 1: text.insert(byte, at: index)
        case 2: text.remove(at: index)
        case 3: text.insert(contentsOf: text[index..<min(index + 8, text.count)], at: index)
        default: text.removeSubrange(index..<min(index + 5, text.count))
        }
    }
    return text
}

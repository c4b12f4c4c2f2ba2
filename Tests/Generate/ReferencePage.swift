// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration

/// The configuration's tables as the last part of docs/configuration.md.
enum ReferencePage {
    /// Stands in the page before what is generated.
    static let mark = "<!-- All below is written by \"make generate\" from the tables in Sources/Configuration. -->\n"

    struct NoMark: Error, CustomStringConvertible {
        var description: String { "the page has no line \(mark)" }
    }

    /// The page with its last part written anew; all up to the mark stays as it is.
    static func text(in page: String) throws -> String {
        guard let start = page.firstRange(of: mark) else { throw NoMark() }
        return String(page[..<start.upperBound]) + reference
    }

    private static var reference: String {
        let root = ConfigurationReference.root
        var text = ""
        for key in root.keys {
            guard let section = key.section else { continue }
            text += "\n## `\(key.name)`\n\n"
            text += wrapped(prose(key)) + (value(key).map { wrapped($0) } ?? "")
            if !section.keys.isEmpty { text += "\n" + list(section.keys, indent: 0) }
        }
        text += "\n## At the top\n\n" + list(root.keys.filter { $0.section == nil }, indent: 0)
        text += "\n## Keys of Firecracker's that Martlet lacks\n\n"
        text += wrapped(
            """
            Each may be there with a value that says nothing: `null`, `false`, `[]` or `{}`. With another value it is \
            refused, and the message says what to do instead:
            """)
        text += "\n" + lacking(root, path: "")
        for key in root.keys { if let section = key.section { text += lacking(section, path: "\(key.name).") } }
        return text
    }

    private static func list(_ keys: [KeyDescription], indent: Int) -> String {
        keys.map { key in
            wrapped("- `\(key.name)`: \(prose(key))", indent: indent)
                + (value(key).map { wrapped($0, indent: indent + 2) } ?? "")
                + (key.section.map { list($0.keys, indent: indent + 2) } ?? "")
        }.joined()
    }

    /// What the value may be, and what an absent one means; nil for an object that may be left out.
    private static func value(_ key: KeyDescription) -> String? {
        var text = key.shape.allowed
        switch key.shape {
        case .choice, .choiceOrObjects, .numberAmong: text = "One of \(text)"
        case .object, .device: return key.isRequired ? "*Required.*" : nil
        default: text = text.prefix(1).uppercased() + text.dropFirst()
        }
        if key.isRequired { return "*\(text); required.*" }
        switch key.shape {
        case .boolean(let fallback): text += "; `\(fallback)` by default"
        case .integer(_, let fallback): text += "; \(fallback) by default"
        case .numberAmong(_, let fallback): text += "; \(fallback) by default"
        case .choiceOrObjects(_, let fallback, _, _): text += "; `\"\(fallback())\"` by default"
        case .choice(_, let fallback): text += fallback().map { "; `\"\($0)\"` by default" } ?? ""
        default: break
        }
        return "*\(text).*"
    }

    private static func prose(_ key: KeyDescription) -> String {
        let documentation = key.documentation()
        var text = documentation.text.description
        if let page = documentation.page {
            let name = page.description.split(separator: "#")[0]
            text += " See [\(name)](\(page))."
        }
        if let example = documentation.example { text += " Example: `\(example)`." }
        return text
    }

    private static func lacking(_ section: Section, path: String) -> String {
        section.lacking.map { key in
            var text = "- `\(path)\(key.name)`: \(key.remedy)."
            if let word = key.emptyWord { text += " `\"\(word)\"` says nothing, too." }
            return wrapped(text)
        }.joined()
    }

    /// `text` on lines of at most 120 columns; an item of a list is indented as one. What stands between backticks
    /// stays on one line.
    private static func wrapped(_ text: String, indent: Int = 0) -> String {
        let margin = String(repeating: " ", count: indent)
        let hanging = margin + (text.hasPrefix("- ") ? "  " : "")
        var lines: [String] = []
        var line = margin
        for word in words(of: text) {
            if line.count + 1 + word.count > 120 {
                lines.append(line)
                line = hanging + word
            } else {
                line += line.allSatisfy({ $0 == " " }) ? word : " \(word)"
            }
        }
        return (lines + [line]).joined(separator: "\n") + "\n"
    }

    /// The pieces between which a line may end.
    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var isCode = false
        for part in text.split(separator: " ", omittingEmptySubsequences: true) {
            if isCode { words[words.count - 1] += " \(part)" } else { words.append(String(part)) }
            if !part.filter({ $0 == "`" }).count.isMultiple(of: 2) { isCode.toggle() }
        }
        return words
    }
}

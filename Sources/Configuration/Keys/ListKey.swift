// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A key whose value is an array of texts of one kind.
struct ListKey: Sendable {
    let description: KeyDescription
    let rule: TextRule

    var name: String { description.name }

    init(_ name: String, of rule: TextRule, _ documentation: @autoclosure @escaping @Sendable () -> Documentation) {
        description = KeyDescription(name, .list({ .text(rule) }), by: documentation)
        self.rule = rule
    }

    /// Reads an element; nil if the rule doesn't allow it.
    func read(_ json: JSONValue) -> String? {
        guard case .string(let text) = json, rule.accepts(text) else { return nil }
        return text
    }
}

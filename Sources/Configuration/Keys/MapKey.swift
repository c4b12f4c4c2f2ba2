// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A key whose value is an object with names that the user makes up, and values of one shape.
struct MapKey<Value: Sendable>: Sendable {
    let description: KeyDescription
    let names: TextRule
    let values: KeyShape
    /// The value that the JSON stands for, or nil where the shape doesn't allow it.
    let value: @Sendable (JSONValue) -> Value?

    var name: String { description.name }

    init(
        _ name: String, names: TextRule, values: KeyShape, _ value: @escaping @Sendable (JSONValue) -> Value?
    ) {
        description = KeyDescription(name: name, shape: .map(names: names, values))
        self.names = names
        self.values = values
        self.value = value
    }
}

/// A key whose value is an array of values of one shape.
struct ListKey<Element: Sendable>: Sendable {
    let description: KeyDescription
    let elements: KeyShape
    /// The value that the JSON stands for, or nil where the shape doesn't allow it.
    let value: @Sendable (JSONValue) -> Element?

    var name: String { description.name }
}

extension ListKey<String> {
    static func texts(_ name: String, _ rule: TextRule) -> ListKey {
        ListKey(
            description: KeyDescription(name: name, shape: .list(.text(rule))), elements: .text(rule)
        ) { json in
            guard case .string(let text) = json, rule.accepts(text) else { return nil }
            return text
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A key whose value is an object with names that the user chooses, and values of one shape.
struct MapKey<Value: Sendable>: Sendable {
    let description: KeyDescription
    let names: TextRule
    let values: @Sendable () -> KeyShape
    /// Reads a value; nil if the shape doesn't allow it.
    let read: @Sendable (JSONValue) -> Value?

    var name: String { description.name }

    init(
        _ name: String, names: TextRule, values: @autoclosure @escaping @Sendable () -> KeyShape,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation,
        _ read: @escaping @Sendable (JSONValue) -> Value?
    ) {
        description = KeyDescription(name, .map(names: names, values), by: documentation)
        self.names = names
        self.values = values
        self.read = read
    }
}

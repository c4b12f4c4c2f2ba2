// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The facts about a key for the decoder, its error messages, the schema and the reference.
package struct KeyDescription: Sendable {
    package let name: String
    package let shape: KeyShape
    package let isRequired: Bool
    package let documentation: @Sendable () -> Documentation

    init(
        _ name: String, _ shape: KeyShape, isRequired: Bool = false,
        _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) {
        self.name = name
        self.shape = shape
        self.isRequired = isRequired
        self.documentation = documentation
    }

    /// For documentation that is already a function.
    init(
        _ name: String, _ shape: KeyShape, isRequired: Bool = false,
        by documentation: @escaping @Sendable () -> Documentation
    ) {
        self.name = name
        self.shape = shape
        self.isRequired = isRequired
        self.documentation = documentation
    }
}

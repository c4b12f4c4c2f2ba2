// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What the decoder, its error messages, the schema and the reference need to know of a key.
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

    /// For a documentation that is a function already.
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

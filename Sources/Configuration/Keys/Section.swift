// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The table of one object of the configuration: what a file of Sections/ says of its keys, for the decoder's messages,
/// the schema and the reference.
package struct Section: Sendable {
    /// What a schema can say of several keys together.
    package enum Rule: Sendable {
        /// At least one of them has a value.
        case anyOf([String])
        /// Where the key has this word, the other one is true.
        case word(String, of: String, needs: String)
    }

    /// In the order of the reference.
    package let keys: [KeyDescription]
    package var rules: [Rule] = []
    /// Keys of Firecracker's that Martlet lacks.
    package var lacking: [FirecrackerKey] = []
}

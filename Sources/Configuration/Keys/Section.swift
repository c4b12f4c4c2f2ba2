// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The table of one object of the configuration.
///
/// A file of Sections/ defines its keys, for the decoder's messages, the schema and the reference.
package struct Section: Sendable {
    /// A rule about several keys together that a schema can express.
    package enum Rule: Sendable {
        /// At least one of these keys has a value.
        case anyOf([String])
        /// If the key has this word, the other key must be true.
        case word(String, of: String, needs: String)
    }

    /// In the order of the reference.
    package let keys: [KeyDescription]
    package var rules: [Rule] = []
    /// Firecracker's keys that Martlet doesn't support.
    package var lacking: [FirecrackerKey] = []
}

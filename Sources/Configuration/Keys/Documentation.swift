// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The documentation of a key or a section in configs/schema.json and docs/configuration.md.
///
/// No run reads it: the tables have functions that create it.
package struct Documentation: Sendable, ExpressibleByStringLiteral {
    /// Sentences; text to type is between backticks.
    package let text: StaticString
    /// The page of docs/ with more details, and the place in it.
    package let page: StaticString?
    /// An example value, as JSON.
    package let example: StaticString?

    init(_ text: StaticString, page: StaticString? = nil, example: StaticString? = nil) {
        self.text = text
        self.page = page
        self.example = example
    }

    package init(stringLiteral text: StaticString) { self.init(text) }
}

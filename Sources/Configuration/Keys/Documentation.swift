// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What configs/schema.json and docs/configuration.md say of a key or a section. No run reads it: tables hold functions
/// that make it.
package struct Documentation: Sendable, ExpressibleByStringLiteral {
    /// Sentences; what is typed stands between backticks.
    package let text: StaticString
    /// The page of docs/ with more, and the place in it.
    package let page: StaticString?
    /// A value, as JSON.
    package let example: StaticString?

    init(_ text: StaticString, page: StaticString? = nil, example: StaticString? = nil) {
        self.text = text
        self.page = page
        self.example = example
    }

    package init(stringLiteral text: StaticString) { self.init(text) }
}

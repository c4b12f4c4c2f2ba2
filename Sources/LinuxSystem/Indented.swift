// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Joins lines into one text and indents all but the first, also inside an element with several lines.
package func indented(_ lines: [String]) -> String {
    lines.joined(separator: "\n").split(separator: "\n").joined(separator: "\n  ")
}

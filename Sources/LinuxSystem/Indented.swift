// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Lines as one text of which all but the first line are indented, also where an element has several lines.
package func indented(_ lines: [String]) -> String {
    lines.joined(separator: "\n").split(separator: "\n").joined(separator: "\n  ")
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Collects the problems of one text until all of it was read.
///
/// Only the readers of one decoding share it: it never leaves the thread that decodes.
final class ProblemList {
    private struct Entry {
        let path: String
        let offset: Int
        let found: String
        let allowed: String
        let suggestion: String?
        /// Whether `allowed` is the list of an object's keys.
        let isList: Bool
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    /// - Parameter isList: whether `allowed` is the list of an object's keys, which is shown only once.
    func add(
        path: String, offset: Int, found: String, allowed: String, suggestion: String? = nil, isList: Bool = false
    ) {
        entries.append(
            Entry(path: path, offset: offset, found: found, allowed: allowed, suggestion: suggestion, isList: isList))
    }

    /// The problems in the order of `text`. Offsets become lines and columns in one pass over the text.
    func problems(in text: [UInt8]) -> [ConfigurationProblem] {
        var position = TextPosition()
        // For each list of keys, the path of the problem that has shown it.
        var told: [String: String] = [:]
        // sorted(by:) keeps the order of equal elements.
        return entries.sorted { $0.offset < $1.offset }.map { entry in
            position.advance(to: entry.offset, in: text)
            var allowed = entry.allowed
            if entry.isList {
                if let path = told[allowed] {
                    allowed = "the keys listed for \(path)"
                } else {
                    told[allowed] = entry.path
                }
            }
            return ConfigurationProblem(
                path: entry.path, line: position.line, column: position.column, found: entry.found,
                allowed: allowed, suggestion: entry.suggestion)
        }
    }
}

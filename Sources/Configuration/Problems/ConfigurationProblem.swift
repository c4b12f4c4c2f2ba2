// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// One problem of a configuration: its place, what was found there, and what is allowed.
public struct ConfigurationProblem: Equatable, Sendable, CustomStringConvertible {
    /// The JSON path, as in `platform-devices[0].no_mmap`; empty for the text as a whole.
    public let path: String
    /// Counted from 1.
    public let line: Int
    /// In characters (Unicode scalars), counted from 1.
    public let column: Int
    /// A value, shortened if it is long, or a few words ("an unknown key").
    public let found: String
    /// What is allowed instead.
    public let allowed: String
    /// The known key that the user probably meant by an unknown one.
    public let suggestion: String?

    /// The place in the file, the key, and what is wrong with it.
    public var description: String {
        var text = "line \(line), column \(column): "
        if !path.isEmpty { text += "\(path): " }
        text += "found \(found); allowed: \(allowed)"
        if let suggestion { text += "; did you mean \"\(suggestion)\"?" }
        return text
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Selects the trace events that the user asked for.
///
/// A source of events keeps a `Tracer?`: when tracing is off it is nil, and `tracer?.trace(…)` costs one comparison and
/// formats nothing. Immutable, so any thread may use it, also with a lock held: it never waits for the reader of the
/// lines.
public final class Tracer: Sendable {
    private let patterns: [[UInt8]]
    private let sink: @Sendable (_ name: String, _ detail: String) -> Void

    /// - Parameters:
    ///   - patterns: globs for the events' names: `*` stands for any bytes, `?` for one byte. With no pattern the
    ///     result is nil.
    ///   - sink: takes an event's name and detail, on the thread that traces, perhaps with a device's lock held. It
    ///     must not wait: see `LineWriter.add`.
    public init?(patterns: [String], sink: @escaping @Sendable (_ name: String, _ detail: String) -> Void) {
        if patterns.isEmpty { return nil }
        self.patterns = patterns.map { Array($0.utf8) }
        self.sink = sink
    }

    /// Passes the event `name` with its `detail` to the sink, if a pattern matches.
    public func trace(_ name: String, _ detail: @autoclosure () -> String) {
        if wants(name) { sink(name, detail()) }
    }

    /// Whether a pattern matches the event `name`.
    public func wants(_ name: String) -> Bool {
        let name = Array(name.utf8)
        return patterns.contains { Self.matches($0, name) }
    }

    /// Whether the glob `pattern` matches all of `text`. It uses constant space, and time at most proportional to the
    /// product of the lengths.
    static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var at = 0
        var position = 0
        // The position of the last star, and how far into the text it has been tried.
        var star: (pattern: Int, text: Int)?
        while position < text.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = (at, position)
                at += 1
            } else if at < pattern.count, pattern[at] == UInt8(ascii: "?") || pattern[at] == text[position] {
                at += 1
                position += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                at = last.pattern + 1
                position = last.text + 1
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// Standard error, for all output that isn't the guest's.
///
/// A command that serves devices or a guest writes through `writer`, which never waits for the reader. The others write
/// at once, and wait for the reader as usual.
enum StandardError {
    /// Created at its first use.
    static let writer = LineWriter(to: 2)
    /// How many milliseconds `finish` waits for the reader; 0 for a process that writes at once. Set once, read by any
    /// thread.
    private static let patience = Atomic<UInt32>(0)
    private static var isQueued: Bool { patience.load(ordering: .acquiring) > 0 }

    /// From here on only `finish` waits for the reader, at most this long.
    static func queue(patienceMilliseconds: UInt32) { patience.store(patienceMilliseconds, ordering: .releasing) }

    /// Writes as much as possible: an error here can't be reported.
    static func write(_ text: String) {
        if isQueued { writer.add(text) } else { writeNow(text) }
    }

    /// Writes the last output of a command; only `finish` may follow.
    static func writeLast(_ text: String) {
        if isQueued { writer.addLast(text) } else { writeNow(text) }
    }

    /// Waits until everything is written, for a limited time, because there may be no reader.
    static func finish() {
        if isQueued { writer.finish(timeoutMilliseconds: patience.load(ordering: .acquiring)) }
    }

    /// How many lines were dropped.
    static var droppedLineCount: UInt64 { isQueued ? writer.droppedLineCount : 0 }

    private static func writeNow(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            // Safety: the buffer is valid for the whole closure.
            FileOutput.writeAll(UnsafeRawBufferPointer(bytes), to: 2)
        }
    }
}

extension Log {
    /// A log on standard error: one line for each message, in the format of a command's errors.
    static func standardError(_ threshold: LogLevel) -> Log {
        Log(threshold: threshold) { level, message in StandardError.write("martlet: \(level.name): \(message)\n") }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// Standard error, where everything goes that isn't the guest's.
///
/// A command that has devices or a guest to look after writes through `writer`, whose reader it never waits for; the
/// others write at once, and wait for who reads them, as programs do.
enum StandardError {
    /// Made when it is first used.
    static let writer = LineWriter(to: 2)
    /// How many milliseconds `finish` waits for the reader; 0 for a process that writes at once. Set once, read by any
    /// thread.
    private static let patience = Atomic<UInt32>(0)
    private static var isQueued: Bool { patience.load(ordering: .acquiring) > 0 }

    /// From here on nothing waits for the reader, but `finish` for so long.
    static func queue(patienceMilliseconds: UInt32) { patience.store(patienceMilliseconds, ordering: .releasing) }

    /// Writes what can be written: there is nobody to tell about a failure here.
    static func write(_ text: String) {
        if isQueued { writer.add(text) } else { writeNow(text) }
    }

    /// Writes what the command has to say at its end, behind which nothing comes but `finish`.
    static func writeLast(_ text: String) {
        if isQueued { writer.addLast(text) } else { writeNow(text) }
    }

    /// Waits until everything is written, but not forever: nobody may be reading.
    static func finish() {
        if isQueued { writer.finish(timeoutMilliseconds: patience.load(ordering: .acquiring)) }
    }

    /// How many lines had no room.
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
    /// A log on standard error: one line for each message, as a command prints its errors.
    static func standardError(_ threshold: LogLevel) -> Log {
        Log(threshold: threshold) { level, message in StandardError.write("martlet: \(level.name): \(message)\n") }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// The severity of a message, the least urgent first.
///
/// It has no raw value, because the help of `--log-level` would show it.
public enum LogLevel: Comparable, CaseIterable, Sendable {
    case trace, debug, info, warning, error

    /// The name in messages and for `--log-level`: "warning".
    public var name: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }
}

/// The receiver of the modules' messages.
///
/// The command line passes one that writes to standard error. A message below the threshold isn't formatted.
public struct Log: Sendable {
    /// The lowest level that is written.
    public let threshold: LogLevel
    private let write: @Sendable (LogLevel, String) -> Void

    /// - Parameter write: called on the thread that logs.
    public init(threshold: LogLevel, write: @escaping @Sendable (LogLevel, String) -> Void) {
        self.threshold = threshold
        self.write = write
    }

    /// A log that drops everything.
    public static var silent: Log { Log(threshold: .error) { _, _ in } }

    /// Writes `message`, which is formatted only if its level is written.
    public func callAsFunction(_ level: LogLevel, _ message: @autoclosure () -> String) {
        if level >= threshold { write(level, message()) }
    }

    /// A copy of this log that writes each message only once.
    public var withoutRepetitions: Log {
        let written = WrittenMessages()
        let write = write
        return Log(threshold: threshold) { level, message in
            if written.texts.withLock({ $0.insert(message).inserted }) { write(level, message) }
        }
    }
}

/// The messages that a log has written so far; guarded by its own lock.
private final class WrittenMessages: Sendable {
    let texts = Mutex<Set<String>>([])
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// How much a message matters, the least urgent first. It has no raw value, which the help of `--log-level` would show.
public enum LogLevel: Comparable, CaseIterable, Sendable {
    case trace, debug, info, warning, error

    /// How messages and `--log-level` have it: "warning".
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

/// Where the modules' messages go.
///
/// The command line hands in standard error. Below the threshold nothing is formatted.
public struct Log: Sendable {
    /// Messages below it are not made.
    public let threshold: LogLevel
    private let write: @Sendable (LogLevel, String) -> Void

    /// - Parameter write: called on whichever thread logs.
    public init(threshold: LogLevel, write: @escaping @Sendable (LogLevel, String) -> Void) {
        self.threshold = threshold
        self.write = write
    }

    /// A log that drops everything.
    public static var silent: Log { Log(threshold: .error) { _, _ in } }

    /// Writes `message`, which is only formatted when it is wanted.
    public func callAsFunction(_ level: LogLevel, _ message: @autoclosure () -> String) {
        if level >= threshold { write(level, message()) }
    }

    /// This log, which writes each message once.
    public var withoutRepetitions: Log {
        let written = WrittenMessages()
        let write = write
        return Log(threshold: threshold) { level, message in
            if written.texts.withLock({ $0.insert(message).inserted }) { write(level, message) }
        }
    }
}

/// What a log has written so far; guarded by its own lock.
private final class WrittenMessages: Sendable {
    let texts = Mutex<Set<String>>([])
}

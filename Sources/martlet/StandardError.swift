// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Logging
internal import Machine

/// Standard error, where everything goes that isn't the guest's.
enum StandardError {
    /// Writes what can be written: there is nobody to tell about a failure here.
    static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            // Safety: the buffer is valid for the whole closure.
            FileOutput.writeAll(UnsafeRawBufferPointer(bytes), to: 2)
        }
    }
}

/// swift-log's back end: one line for each message, as a command prints its errors.
private struct StandardErrorHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        StandardError.write("martlet: \(event.level): \(event.message)\n")
    }
}

extension Log {
    /// Made when the first message is printed: most runs print none, and need not pay for it.
    private static let logger = Logger(label: "martlet") { _ in StandardErrorHandler() }

    /// A log on standard error.
    static func standardError(_ threshold: LogLevel) -> Log {
        Log(threshold: threshold) { level, message in
            let swiftLogLevel: Logger.Level =
                switch level {
                case .trace: .trace
                case .debug: .debug
                case .info: .info
                case .warning: .warning
                case .error: .error
                }
            logger.log(level: swiftLogLevel, "\(message)")
        }
    }
}

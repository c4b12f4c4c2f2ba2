// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Why a configuration can't be used.
public enum ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file could not be read: open or read failed, or it is larger than `MachineConfiguration.maximumFileSize`
    /// (`EFBIG`).
    case unreadable(file: String, Errno)
    /// It is of a kind that can't be read, or a FIFO without a writer.
    case unusable(file: String, FileError)
    /// The text is not JSON (RFC 8259) in UTF-8; with the place of the first error.
    case malformed(file: String, ConfigurationProblem)
    /// The text is JSON, but not a configuration; with all its problems, in the order of the text.
    case invalid(file: String, [ConfigurationProblem])

    /// The problems of the text; empty for a file that could not be read.
    public var problems: [ConfigurationProblem] {
        switch self {
        case .unreadable, .unusable: []
        case .malformed(_, let problem): [problem]
        case .invalid(_, let problems): problems
        }
    }

    /// One line for each problem, and what to do.
    public var description: String {
        switch self {
        case .unreadable(let file, let errno):
            return "\(file): the configuration can't be read: \(errno.nameAndText)\n  \(Self.remedy(for: errno))"
        case .unusable(let file, let error):
            return "\(file): the configuration can't be read: \(error)"
        case .malformed(let file, let problem):
            return "\(file): the configuration is not JSON\n  \(problem)"
        case .invalid(let file, let problems):
            let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
            return "\(file): \(count) in the configuration" + problems.map { "\n  \($0)" }.joined()
        }
    }

    private static func remedy(for errno: Errno) -> String {
        switch errno {
        case .noSuchFileOrDirectory, .notDirectory: "give the path of an existing file"
        case .isDirectory: "give the path of a file in it"
        case .permissionDenied: "make the file and its folders readable to this user"
        case .fileTooLarge: "a configuration has at most \(MachineConfiguration.maximumFileSize) bytes"
        default:
            errno.remedy.isEmpty
                ? "check the path and the file system that it is on" : errno.remedy.joined(separator: "\n  ")
        }
    }
}

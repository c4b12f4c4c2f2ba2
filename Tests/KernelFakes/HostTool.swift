// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocols say what each call does.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import Foundation

/// A program of this machine that a test runs: dtc, or martlet itself.
public struct HostTool: Sendable {
    /// The results of a run.
    public struct Result: Sendable {
        public let status: Int32
        public let output: [UInt8]
        /// Standard error, as text.
        public let messages: String
        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    public let path: String

    public init(path: String) { self.path = path }

    /// Finds the program with this name on the PATH; nil if there is none.
    public init?(onPath name: String) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let paths = folders.map { "\($0)/\(name)" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else { return nil }
        self.path = path
    }

    /// Runs it to its end, but at most for a minute.
    /// - Parameters:
    ///   - input: the content of standard input.
    ///   - output: the file for standard output; by default it is part of the result.
    public func run(_ arguments: [String], input: [UInt8] = [], output: String? = nil) throws -> Result {
        // Files, not pipes: neither side can block, or be killed by SIGPIPE.
        let folder = URL(fileURLWithPath: NSTemporaryDirectory() + "/martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (inputFile, messagesFile) = (folder.appending(path: "input"), folder.appending(path: "messages"))
        let outputFile = output.map { URL(fileURLWithPath: $0) } ?? folder.appending(path: "output")
        try Data(input).write(to: inputFile)
        try Data().write(to: messagesFile)
        if output == nil { try Data().write(to: outputFile) }

        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: messagesFile)
        try process.run()
        let limit = Date().addingTimeInterval(60)
        while process.isRunning {
            if Date() > limit { process.terminate() }
            usleep(2000)
        }
        return Result(
            status: process.terminationStatus, output: output == nil ? Array(try Data(contentsOf: outputFile)) : [],
            messages: String(decoding: try Data(contentsOf: messagesFile), as: UTF8.self))
    }
}

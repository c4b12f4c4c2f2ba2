// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation

/// The devicetree compiler, where this machine has it.
enum Dtc {
    struct Output {
        var bytes: [UInt8]
        /// Warnings and errors.
        var messages: String
        var status: Int32
    }

    static let path: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/dtc" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    static var isAvailable: Bool { path != nil }

    /// Runs dtc on a file of `input`.
    static func run(_ arguments: [String], input: [UInt8]) throws -> Output {
        // A file and no pipe: writing to a dtc that has given up would end the test run with SIGPIPE.
        let file = URL(fileURLWithPath: NSTemporaryDirectory() + "/martlet-dtc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(input).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path ?? "dtc")
        process.arguments = arguments + [file.path]
        let (output, messages) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = messages
        try process.run()
        // dtc's messages fit a pipe, so that reading its output to the end first can't block.
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        let text = try messages.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Output(
            bytes: Array(bytes), messages: String(decoding: text, as: UTF8.self), status: process.terminationStatus)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation

/// GNU as for AArch64, where this machine has it.
enum Assembler {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static func tool(_ name: String) -> String? {
        #if arch(arm64)
        let names = [name, "aarch64-linux-gnu-\(name)"]
        #else
        let names = ["aarch64-linux-gnu-\(name)"]
        #endif
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return names.flatMap { name in folders.map { "\($0)/\(name)" } }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static let isAvailable = tool("as") != nil && tool("objcopy") != nil

    /// The words of `lines`, one instruction each.
    static func assemble(_ lines: [String]) throws -> [UInt32] {
        guard let assembler = tool("as"), let copier = tool("objcopy") else {
            throw Failure(description: "no assembler")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-as-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (source, object, binary) = (folder.path + "/a.s", folder.path + "/a.o", folder.path + "/a.bin")
        let text = ".arch armv8.7-a+memtag+sve+ls64\n" + lines.joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: source))
        try run(assembler, ["-o", object, source])
        try run(copier, ["-O", "binary", "-j", ".text", object, binary])
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: binary)))
        guard bytes.count == lines.count * 4 else {
            throw Failure(description: "\(bytes.count) bytes of \(lines.count) lines")
        }
        return stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    private static func run(_ tool: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        let messages = Pipe()
        process.standardError = messages
        try process.run()
        let text = try messages.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: String(decoding: text, as: UTF8.self)) }
    }
}

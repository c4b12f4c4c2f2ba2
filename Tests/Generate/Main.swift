// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import FoundationEssentials

/// generate FOLDER: writes FOLDER/configs/schema.json and the reference in FOLDER/docs/configuration.md anew, from the
/// tables of Sources/Configuration. "make generate" calls it; a unit test fails where the two files are stale.
@main
struct Generate {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else { throw UsageError() }
        let folder = CommandLine.arguments[1]
        try write(SchemaWriter.text, to: "\(folder)/configs/schema.json")
        let page = "\(folder)/docs/configuration.md"
        try write(ReferencePage.text(in: String(contentsOfFile: page, encoding: .utf8)), to: page)
    }

    private static func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private struct UsageError: Error, CustomStringConvertible {
        let description = "usage: generate FOLDER    (the root of the repository)"
    }
}

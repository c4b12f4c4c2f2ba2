// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import KernelFakes
import Testing

@testable import Configuration

/// configs/schema.json under PyPI's jsonschema: it takes a configuration exactly when the decoder does.
/// guest-images/dt-validate brings the package along with dtschema, and guest-images/test.sh says where it is.
@Suite(
    .enabled(
        if: SchemaCases.tools != nil,
        "no jsonschema at hand (MARTLET_DT_VALIDATE names the folder that guest-images/dt-validate/build.sh prints)"))
struct SchemaVerdictTests {
    private struct Failed: Error {
        let messages: String
    }

    /// Whether each of all the configurations of these tests conforms: Python is started once.
    private static let verdicts: Result<[String: Bool], any Error> = Result {
        let examples = try exampleFiles().filter { $0.key != "schema.json" }.values.map {
            String(decoding: $0, as: UTF8.self)
        }
        let all = SchemaCases.probes.flatMap(SchemaCases.configurations)
        let texts = Set(all + SchemaCases.beyond + SchemaCases.identities + examples + (try SchemaCases.documented()))
        return try verdicts(Array(texts))
    }

    private static func verdicts(_ texts: [String]) throws -> [String: Bool] {
        // A line for each: between JSON's tokens a newline is as good as a space, and strings have none.
        let lines = texts.map { text in String(text.map { $0.isNewline ? " " : $0 }) }
        let result = try HostTool(path: "/usr/bin/env").run(
            [
                "PYTHONPATH=\(SchemaCases.tools ?? "")/python", "python3",
                "\(ConfigurationPath.folder(of: #filePath))/conforms.py",
                "\(configsFolder)/schema.json",
            ], input: Array(lines.joined(separator: "\n").utf8))
        let answers = result.text.split(separator: "\n")
        guard result.status == 0, answers.count == texts.count else { throw Failed(messages: result.messages) }
        return Dictionary(zip(texts, answers.map { $0 == "True" })) { first, _ in first }
    }

    /// What jsonschema says of a configuration.
    private func conforms(_ json: String) throws -> Bool {
        guard let verdict = try Self.verdicts.get()[json] else { throw Failed(messages: "not asked of: \(json)") }
        return verdict
    }

    @Test(arguments: SchemaCases.probes)
    func `the schema and the decoder give the same verdict`(probe: String) throws {
        for json in SchemaCases.configurations(probe) {
            let error = errorOf(json)
            #expect(try conforms(json) == (error == nil), "\(json): \(error?.description ?? "decodes")")
        }
    }

    @Test func `what the decoder refuses beyond the schema conforms`() throws {
        for json in SchemaCases.beyond { #expect(try conforms(json), "\(json)") }
    }

    @Test func `what identity takes conforms`() throws {
        for json in SchemaCases.identities { #expect(try conforms(json), "\(json)") }
    }

    @Test func `every example conforms`() throws {
        for (name, text) in try exampleFiles() where name != "schema.json" {
            #expect(try conforms(String(decoding: text, as: UTF8.self)), "\(name)")
        }
    }

    @Test func `every example of a key conforms`() throws {
        for json in try SchemaCases.documented() { #expect(try conforms(json), "\(json)") }
    }
}

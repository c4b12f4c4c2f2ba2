// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

@testable import Configuration
@testable import generate

/// What "make generate" writes is what is committed.
struct GeneratedFileTests {
    private static let page = "\(configsFolder)/../docs/configuration.md"

    @Test func `the schema is up to date`() throws {
        let schema = String(decoding: try #require(try exampleFiles()["schema.json"]), as: UTF8.self)
        #expect(schema == SchemaWriter.text, "configs/schema.json is stale: make generate")
    }

    @Test func `the reference is up to date`() throws {
        let page = try String(contentsOfFile: Self.page, encoding: .utf8)
        #expect(try page == ReferencePage.text(in: page), "docs/configuration.md is stale: make generate")
    }

    @Test func `the page of which a key speaks exists, and so does the place in it`() throws {
        for (_, key) in SchemaCases.allKeys {
            guard let link = key.documentation().page?.description else { continue }
            let parts = link.split(separator: "#")
            let page = try String(contentsOfFile: "\(configsFolder)/../docs/\(parts[0])", encoding: .utf8)
            guard parts.count > 1 else { continue }
            let headings = page.split(separator: "\n").filter { $0.hasPrefix("#") }.map { heading in
                String(
                    heading.drop { $0 == "#" }.dropFirst().lowercased().compactMap { character -> Character? in
                        if character == " " { return "-" }
                        return character.isLetter || character.isNumber || character == "-" ? character : nil
                    })
            }
            #expect(headings.contains(String(parts[1])), "\(key.name): \(link)")
        }
    }

    @Test func `every key says what it means`() {
        for (path, key) in SchemaCases.allKeys {
            #expect(key.documentation().text.description.hasSuffix("."), "\(path)\(key.name)")
        }
    }

    @Test func `every example of a key is read`() throws {
        let examples = try SchemaCases.documented()
        #expect(examples.count > 5)
        for json in examples { #expect(errorOf(json) == nil, "\(json)") }
    }
}

extension SchemaCases {
    /// Every key of every section, and where it is: "platform-devices.eoi.".
    static var allKeys: [(path: String, key: KeyDescription)] { keys(in: ConfigurationReference.root, "") }

    private static func keys(in section: Section, _ path: String) -> [(path: String, key: KeyDescription)] {
        section.keys.flatMap { key in [(path, key)] + (key.section.map { keys(in: $0, "\(path)\(key.name).") } ?? []) }
    }

    /// A configuration for each example that a key's documentation has.
    static func documented() throws -> [String] {
        try allKeys.compactMap { path, key in
            guard let example = key.documentation().example else { return nil }
            let member = #""\#(key.name)": \#(example)"#
            switch path {
            case "machine-config.": return machine(member)
            case "platform-devices.": return key.name == "host" ? device(member) : device(#""host": "a", \#(member)"#)
            case "platform-devices.device_tree.": return device(#""host": "a", "device_tree": {\#(member)}"#)
            case "drives.":
                return #"{\#(plainBootSource), "drives": [{"drive_id": "a", "path_on_host": "b", \#(member)}]}"#
            case "entropy.": return #"{\#(plainBootSource), "entropy": {\#(member)}}"#
            default: throw NoPlace(path: path)
            }
        }
    }

    /// An example in a section of which `documented` doesn't know.
    struct NoPlace: Error {
        let path: String
    }
}

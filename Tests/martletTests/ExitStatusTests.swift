// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import LinuxSystem
import Machine
import Testing

@testable import martlet

@Suite struct ExitStatusTests {
    /// The rows of the README's table of exit statuses: number and meaning.
    private func table() throws -> [(status: String, meaning: String)] {
        let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../README.md")
        let text = String(decoding: try Data(contentsOf: readme.standardizedFileURL), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let head = try #require(lines.firstIndex { $0.hasPrefix("| exit status |") })
        return lines[(head + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return (cells[0], cells[1])
        }
    }

    private static let readmeIsHere = FileManager.default.fileExists(
        atPath: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../README.md").path)

    @Test(.enabled(if: readmeIsHere, "the sources are not where these tests were built"))
    func `the README has every status and no other`() throws {
        let rows = try table()
        #expect(rows.map(\.status) == ExitStatus.allCases.map { "\($0.rawValue)" } + ["128 + n"])
        #expect(rows.allSatisfy { !$0.meaning.isEmpty })
        let meanings = Dictionary(uniqueKeysWithValues: rows)
        #expect(meanings["\(ExitStatus.success.rawValue)"]?.contains("powered off") == true)
        #expect(meanings["\(ExitStatus.usage.rawValue)"]?.contains("configuration") == true)
        #expect(meanings["\(ExitStatus.reset.rawValue)"]?.contains("reset") == true)
        #expect(meanings["\(ExitStatus.crash.rawValue)"]?.contains("crashed") == true)
        #expect(meanings["128 + n"]?.contains("130") == true)
        #expect(meanings["128 + n"]?.contains("143") == true)
    }

    @Test func `every end of a guest has its status`() {
        #expect(GuestEnd.powerOff.exitStatus == ExitStatus.success.rawValue)
        #expect(GuestEnd.reset.exitStatus == ExitStatus.reset.rawValue)
        #expect(GuestEnd.crashed.exitStatus == ExitStatus.crash.rawValue)
        #expect(GuestEnd.hung("", registers: "").exitStatus == ExitStatus.crash.rawValue)
        #expect(GuestEnd.signal(15).exitStatus == 143)
        #expect(GuestEnd.quit.exitStatus == 130)
    }

    /// `run CONFIG` alone goes past the parser; everything else through it.
    @Test(
        arguments: [
            (["martlet", "run", "vm.json"], "vm.json"), (["martlet", "run", "./-odd"], "./-odd"),
            (["martlet", "run", "--help"], nil), (["martlet", "run", "-h"], nil), (["martlet", "run"], nil),
            (["martlet", "check", "vm.json"], nil), (["martlet", "run", "vm.json", "--report"], nil),
            (["martlet"], nil), ([], nil),
        ] as [([String], String?)])
    func `only a plain run goes past the parser`(arguments: [String], config: String?) {
        #expect(RunArguments(arguments)?.config == config)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

struct FuzzTests {
    /// Each of 20,000 mutated configurations gives a value or at least one problem whose place is in the text.
    @Test func `mutated configurations never crash`() throws {
        let examples = try exampleFiles().filter { $0.key != "schema.json" }.sorted { $0.key < $1.key }.map(\.value)
        let everyKey = Array(
            device(#""host": "a", "sysfsdev": "/a/b", "no_mmap": true, "irqfd": false, "mmap_timeout_ms": 7"#).utf8)
        let deviceTree = Array(
            device(
                #"""
                "host": "a", "label": "x", "guest_address": ["host", "auto", 4096], "device_tree": {
                "properties": {"a": [1, {"phandle": "x"}], "b": {"u64": "0x1"}, "c": {"bytes": "00 1f"}, "d": ["e"]},
                "delete": ["f/g@1"], "clocks": {"h": 1}, "overlay": "i", "strict": true}
                """#
            ).utf8)
        let seeds = examples + [everyKey, deviceTree]
        let alphabet = Array("{}[]:,\"\\/0123456789.-eEx untfabs_\n\u{0}".utf8) + [0xC3, 0xA9, 0xFF, 0xF0, 0x80]
        var generator = SeededGenerator(state: 1)
        var outcomes = (valid: 0, invalid: 0, malformed: 0)
        for round in 0..<20_000 {
            let json = mutated(seeds[round % seeds.count], alphabet: alphabet, using: &generator)

            let error = errorOf(json)

            switch error {
            case nil: outcomes.valid += 1
            case .invalid: outcomes.invalid += 1
            case .malformed: outcomes.malformed += 1
            case .unusable, .unreadable: Issue.record("nothing was read")
            }
            if let error {
                let lines = json.count { $0 == UInt8(ascii: "\n") } + 1
                #expect(!error.problems.isEmpty)
                #expect(error.problems.allSatisfy { (1...lines).contains($0.line) && $0.column >= 1 })
                #expect(!error.description.utf8.contains { $0 < 0x20 && $0 != UInt8(ascii: "\n") })
            }
        }
        // Every outcome was reached often: the mutations are neither too mild nor too wild.
        #expect(outcomes.valid > 500 && outcomes.invalid > 500 && outcomes.malformed > 500, "\(outcomes)")
    }

    @Test func `random bytes never crash`() {
        var generator = SeededGenerator(state: 3)
        for _ in 0..<5000 {
            let count = Int.random(in: 0..<64, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(errorOf(bytes) != nil)
        }
    }

    @Test func `every prefix of a configuration is malformed, not a crash`() throws {
        let json = try #require(try exampleFiles()["pl031-pl061.json"])
        let end = try #require(json.lastIndex(of: UInt8(ascii: "}")))
        for count in 0...end {
            guard case .malformed = errorOf(Array(json.prefix(count))) else {
                Issue.record("\(count) bytes")
                continue
            }
        }
    }
}

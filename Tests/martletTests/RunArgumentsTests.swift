// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import ArgumentParser
import LinuxSystem
import Testing

@testable import martlet

@Suite struct RunArgumentsTests {
    private static let words = [
        "c", "d.json", "--report", "--report=r", "--log-level", "--log-level=info", "--log-level=loud", "info", "error",
        "--trace", "*", "--", "-", "--help", "--report=", "", "-x", "--log-level=", "--version", "run",
    ]

    /// What ArgumentParser makes of a command line; nil for a mistake or a request for help.
    private func parsed(_ arguments: [String]) -> Run? {
        do { return try Martlet.parseAsRoot(Array(arguments.dropFirst())) as? Run } catch { return nil }
    }

    /// Every command line of up to four of these words: what is read without ArgumentParser is what that reads.
    @Test func `the short parser agrees with ArgumentParser`() {
        var lines: [[String]] = [[]]
        var taken = 0
        for length in 1...4 {
            lines = lines.flatMap { line in Self.words.map { line + [$0] } }
            // All of the short ones, and a part of the others.
            let stride = length < 4 ? 1 : 53
            for index in Swift.stride(from: 0, to: lines.count, by: stride) {
                let arguments = ["martlet", "run"] + lines[index]
                guard let short = RunArguments(arguments) else { continue }
                taken += 1
                let long = parsed(arguments)
                #expect(long?.config == short.config, "\(arguments)")
                #expect(long?.logLevel == short.logLevel, "\(arguments)")
                #expect(long?.report == short.report, "\(arguments)")
                #expect(long?.trace.patterns == [], "\(arguments)")
            }
        }
        #expect(taken > 50)
    }

    @Test(arguments: [
        ["run", "c"], ["run", "c", "--report", "r"], ["run", "--report", "r", "c"], ["run", "--report=r", "c"],
        ["run", "--log-level", "debug", "c"], ["run", "--log-level=error", "c", "--report=a=b"],
    ])
    func `service units don't pay for ArgumentParser`(line: [String]) {
        #expect(RunArguments(["martlet"] + line)?.config == "c")
    }

    @Test(arguments: [
        [], ["run"], ["check", "c"], ["run", "c", "d"], ["run", "c", "--trace", "x"], ["run", "--help"],
        ["run", "c", "--report"], ["run", "c", "--report", "-x"], ["run", "c", "--report", "a", "--report", "b"],
    ])
    func `the rest is left to ArgumentParser`(line: [String]) {
        #expect(RunArguments(["martlet"] + line) == nil)
    }
}

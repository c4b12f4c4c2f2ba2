// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import Configuration
internal import KVM
internal import LinuxSystem
internal import Machine

/// `martlet check`: everything that `run` does, except running the guest.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks all that run needs, and starts no guest.",
        discussion: "Opens and connects the devices, then gives them back. Prints all problems, each with its remedy.")

    @Argument(help: "The machine's configuration, a JSON file.")
    var config: String

    @Option(help: "Print messages from this level up.")
    var logLevel = LogLevel.warning

    @OptionGroup var trace: TraceOptions

    func run() throws {
        let log = Log.standardError(logLevel)
        let configuration = try loadConfiguration(config)
        // Trace events and messages must stay in their order.
        if !trace.patterns.isEmpty { StandardError.queue(patienceMilliseconds: .max) }
        let check = MachineCheck(
            configuration, calls: LinuxKernel(), log: log, tracer: makeTracer(trace.patterns))
        guard check.problems.isEmpty else {
            throw Failure(.failure, check.problems.joined(separator: "\nmartlet: "))
        }
        try StandardOutput.print((check.facts + ["\(config): ok"]).joined(separator: "\n"))
    }
}

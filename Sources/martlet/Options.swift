// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import ArgumentParser
internal import Configuration
internal import KVM
public import LinuxSystem
internal import Machine

extension LogLevel: ExpressibleByArgument {
    /// The level with that name; nil for any other name.
    public init?(argument: String) {
        guard let level = Self.allCases.first(where: { $0.name == argument }) else { return nil }
        self = level
    }

    /// The names that `--log-level` accepts.
    public static var allValueStrings: [String] { allCases.map(\.name) }

    /// The name of the level.
    public var defaultValueDescription: String { name }
}

/// The options for `--trace`.
struct TraceOptions: ParsableArguments {
    @Option(
        name: .customLong("trace"),
        help: ArgumentHelp(
            "Print the trace events whose names match this glob; may be repeated.", valueName: "pattern"))
    var patterns: [String] = []

    /// Refuses a pattern that matches no event's name.
    func validate() throws {
        for pattern in patterns {
            let tracer = Tracer(patterns: [pattern]) { _, _ in }
            if tracer.map({ MachinePlan.traceEvents.contains(where: $0.wants) }) == true { continue }
            throw ValidationError(
                "no trace event matches \"\(pattern)\"; the events are: "
                    + MachinePlan.traceEvents.joined(separator: " "))
        }
    }

}

/// A tracer for `patterns` that queues its lines for standard error; nil without patterns.
func makeTracer(_ patterns: [String]) -> Tracer? {
    Tracer(patterns: patterns) { StandardError.writer.add($0, $1) }
}

/// Reads a configuration, or throws a failure with the exit status for a wrong one.
func loadConfiguration(_ path: String) throws -> MachineConfiguration {
    do { return try MachineConfiguration(contentsOf: path) } catch { throw Failure(.usage, error.description) }
}

/// Runs `body`; an error of the machine's modules becomes a failure with its text.
func failing<Result>(_ body: () throws(MachineError) -> Result) throws -> Result {
    do { return try body() } catch { throw Failure(.failure, error.description) }
}

/// Opens /dev/kvm, or throws a failure that says what to do.
func openHypervisor() throws -> Hypervisor {
    do { return try Hypervisor(calls: LinuxKernel()) } catch { throw Failure(.failure, error.description) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import Configuration
internal import Console
internal import FoundationEssentials
internal import KVM
internal import LinuxSystem
internal import Machine
internal import Passthrough
internal import Synchronization

/// `martlet run`: runs a guest.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Boots the guest and runs it until it powers off.",
        discussion:
            "On a terminal: Ctrl-A x ends the guest, Ctrl-A p presses its power key, Ctrl-A z pauses and resumes it, "
            + "Ctrl-A Ctrl-A sends one Ctrl-A.")

    @Argument(help: "The machine's configuration, a JSON file.")
    var config: String

    @Option(help: "Print messages from this level up.")
    var logLevel = LogLevel.warning

    @Option(help: "Write the report to this file, as JSON.")
    var report: String?

    @OptionGroup var trace: TraceOptions

    func run() throws { try Self.execute(config, logLevel: logLevel, report: report, trace: trace.patterns) }

    /// - Throws: `Failure`, or the guest's end as an exit code.
    static func execute(
        _ config: String, logLevel: LogLevel = .warning, report reportPath: String? = nil, trace: [String] = []
    ) throws {
        let log = Log.standardError(logLevel)
        let configuration = try loadConfiguration(config)
        Martlet.profile.mark("configuration")
        StandardError.queue(patienceMilliseconds: 1000)
        let reportFile = try reportPath.map(ReportFile.init)
        let hypervisor = try openHypervisor()
        Martlet.profile.mark("kvm")
        var (end, report) = try runMachine(
            configuration, on: hypervisor, log: log, tracer: makeTracer(trace))
        report.droppedLogLines = StandardError.droppedLineCount
        if case .hung(let text, let registers) = end {
            StandardError.writeLast("martlet: the guest can't go on: \(text)\n\(registers)")
        }
        StandardError.writeLast(report.text + "\n")
        try reportFile?.finish(report)
        if let moved = report.memory?.moved {
            throw Failure(.failure, MachineError.memoryMoved(moved).description)
        }
        throw ExitCode(end.exitStatus)
    }

    private static func runMachine(
        _ configuration: MachineConfiguration, on hypervisor: Hypervisor, log: Log, tracer: Tracer?
    ) throws -> (GuestEnd, RunReport) {
        let plan = try failing { () throws(MachineError) in
            try MachinePlan(configuration, calls: LinuxKernel(), hypervisor: hypervisor, log: log, tracer: tracer)
        }
        Martlet.profile.mark("plan")
        let session = try failing { () throws(MachineError) in
            try MachineSession(
                plan, hypervisor: hypervisor, console: { () throws(Errno) in try makeConsole(log) },
                profile: Martlet.profile, tell: StandardError.write)
        }
        let terminal: Terminal
        do { terminal = try Terminal(descriptor: 0) } catch {
            throw Failure(.failure, "the console: \(error.explained)")
        }
        defer { terminal.restore() }
        return try failing { () throws(MachineError) in try session.run() }
    }

    static func makeConsole(_ log: Log) throws(Errno) -> GuestConsole {
        try GuestConsole { failure in
            switch failure {
            case .output(let error):
                log(.warning, "writing to the console failed: \(error.nameAndText); the guest runs on without output")
            case .input(let error):
                log(.warning, "reading from the console failed: \(error.nameAndText); the guest runs on without input")
            }
        }
    }
}

/// The file of `--report`, opened before the guest starts.
private struct ReportFile {
    private let path: String
    private let file: OutputFile

    init(_ path: String) throws {
        self.path = path
        do { file = try OutputFile(path) } catch { throw Failure(.failure, "--report: \(path): \(error)") }
    }

    func finish(_ report: RunReport) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            let data = try encoder.encode(report)
            try file.finish(Array(data) + [UInt8(ascii: "\n")], timeoutMilliseconds: 1000)
        } catch let error as Errno {
            throw Failure(.failure, "--report: \(path): \(error.explained)")
        } catch {
            throw Failure(.failure, "--report: \(path): \(error)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import Configuration
internal import Console
internal import KVM
internal import LinuxSystem
internal import Machine

/// `martlet dtb`: prints the device tree that `run` would boot with.
struct DTB: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dtb",
        abstract: "Prints the device tree that the guest would get, as a blob.",
        discussion: """
            Only the random seed in /chosen changes with each run. Without KVM on this host, the interrupt controller \
            is a GICv3.
            """)

    @Argument(help: "The machine's configuration, a JSON file.")
    var config: String

    @Option(name: .shortAndLong, help: "The file to write; standard output by default.")
    var output: String?

    @Option(help: "Print messages from this level up.")
    var logLevel = LogLevel.warning

    func run() throws {
        let log = Log.standardError(logLevel)
        let configuration = try loadConfiguration(config)
        let hypervisor: Hypervisor?
        do { hypervisor = try Hypervisor(calls: LinuxKernel()) } catch {
            log(.info, "assuming a GICv3, without KVM: \(error)")
            hypervisor = nil
        }
        let blob = try failing { () throws(MachineError) in
            try MachinePlan(configuration, calls: LinuxKernel(), hypervisor: hypervisor, log: log)
                .deviceTree(hypervisor: hypervisor)
        }
        if let output { return try write(blob, to: output) }
        if Terminal.isTerminal(1) { throw Failure(.usage, "can't write a blob to a terminal; use -o FILE or a pipe") }
        try StandardOutput.write(blob)
    }

    private func write(_ blob: [UInt8], to path: String) throws {
        do { try OutputFile(path).finish(blob) } catch let error as FileError {
            throw Failure(.failure, "\(path): \(error)")
        } catch let error as Errno {
            throw Failure(.failure, "\(path): \(error.explained)")
        }
    }
}

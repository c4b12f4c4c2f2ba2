// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Configuration
internal import KVM
public import LinuxSystem
internal import Passthrough

/// Everything that can be found out about a configuration on this host without starting the guest.
///
/// What can be checked by itself is checked by itself, so that one problem doesn't hide the next.
public struct MachineCheck: Sendable {
    /// Each with its remedy. Empty when `martlet run` would get as far as the guest's first instruction.
    public let problems: [String]
    /// What was found, a line each, when there are no problems.
    public let facts: [String]

    /// Makes the checks. Devices are opened and wired, and given back.
    public init(_ configuration: MachineConfiguration, calls: any MachineCalls, log: Log, tracer: Tracer? = nil) {
        var problems: [String] = []
        func note<Result>(_ body: () throws -> Result) -> Result? {
            do { return try body() } catch {
                problems.append("\(error)")
                return nil
            }
        }
        let hypervisor = note { try Hypervisor(calls: calls) }
        // The machine without devices, then each device alone.
        var plain = configuration
        plain.platformDevices = []
        plain.iommufd = nil
        if let plan = note({ try MachinePlan(plain, calls: calls, hypervisor: hypervisor, log: log) }) {
            _ = note { try plan.load() }
        }
        // A descriptor that was handed in can be put to use once only.
        for device in configuration.platformDevices where device.descriptor == nil {
            var single = plain
            single.platformDevices = [device]
            single.iommufd = configuration.iommufd
            _ = note { try MachinePlan(single, calls: calls, hypervisor: nil, log: log) }
        }
        guard problems.isEmpty, let hypervisor else {
            self.problems = problems
            facts = []
            return
        }
        // All of it together finds what only shows then: overlaps, wirings that the kernel refuses.
        facts = note { try Self.build(configuration, calls, hypervisor, log, tracer) } ?? []
        self.problems = problems
    }

    private static func build(
        _ configuration: MachineConfiguration, _ calls: any MachineCalls, _ hypervisor: Hypervisor, _ log: Log,
        _ tracer: Tracer?
    ) throws -> [String] {
        let plan = try MachinePlan(configuration, calls: calls, hypervisor: hypervisor, log: log, tracer: tracer)
        let console = try Console { _ in }
        let machine = try Machine(plan, hypervisor: hypervisor, console: console, profile: StartupProfile())
        return machine.facts
    }
}

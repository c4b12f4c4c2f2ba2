// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Configuration
internal import Console
internal import DeviceTree
internal import GuestNodes
internal import HostDevices
internal import KVM
public import LinuxSystem
internal import Passthrough
internal import VFIO

/// Everything that can be checked about a configuration on this host without starting the guest.
///
/// Parts are checked separately where possible, so that one problem doesn't hide another.
public struct MachineCheck: Sendable {
    /// The problems, each with its remedy. Empty when `martlet run` would reach the guest's first instruction, and
    /// would restart the guest if the configuration says so.
    public let problems: [String]
    /// The facts, one line each, if there are no problems.
    public let facts: [String]

    /// Performs the checks. Devices are opened and wired, then given back.
    public init(_ configuration: MachineConfiguration, calls: any MachineCalls, log: Log, tracer: Tracer? = nil) {
        // A device is planned twice: alone and with all others.
        let log = log.withoutRepetitions
        var problems: [String] = []
        func note<Result>(_ body: () throws -> Result) -> Result? {
            do { return try body() } catch {
                problems.append("\(error)")
                return nil
            }
        }
        let hypervisor = note { try Hypervisor(calls: calls) }
        if let cpus = configuration.machineSize.cpus {
            _ = note { try CPUPlacement(cpus, sysfs: Sysfs(system: calls)) }
        }
        // The machine without devices, then each device alone.
        var plain = configuration
        plain.platformDevices = []
        plain.drives = []
        plain.deviceTree = DeviceTreeFiles()
        plain.iommufd = nil
        plain.machineSize.dmaHeap = nil
        // The device that needs them is checked separately.
        if configuration.platformDevices.contains(where: { $0.dma == .identity }) { plain.machineSize.hugePages = nil }
        var demands: KernelDemands?
        if let plan = note({ try MachinePlan(plain, calls: calls, hypervisor: hypervisor, log: log) }) {
            demands = note { try plan.load() }?.boot.demands
        }
        problems += OpenDrives.problems(configuration.drives, system: calls).map(\.description)
        problems += TreeAdditions.problems(of: configuration, system: calls, log: log).map(\.description)
        let bindingProblems =
            note { () throws(HostDeviceError) in try Self.bindingProblems(configuration, calls) }
            ?? configuration.platformDevices.map { _ in nil }
        for (device, bindingProblem) in zip(configuration.platformDevices, bindingProblems) {
            // All needs of the device; the plan would stop at the first.
            if let problem = bindingProblem {
                problems.append(problem)
                continue
            }
            // A descriptor that was handed in can be used only once.
            if device.descriptor != nil { continue }
            var (single, alone) = (plain, device)
            alone.deviceTree.overlay = nil
            alone.deviceTree.properties.removeAll { PropertyText($0) != nil }
            single.platformDevices = [alone]
            if alone.dma == .identity { single.machineSize = configuration.machineSize }
            single.iommufd = configuration.iommufd
            guard
                let plan = note({
                    try MachinePlan(single, calls: calls, hypervisor: nil, log: log, borrowsIOMMUFD: true)
                })
            else { continue }
            problems += plan.restartProblems.map(\.description)
        }
        guard problems.isEmpty, let hypervisor else {
            // Without problems, building the machine checks this.
            if let hypervisor, let demands { _ = note { try demands.check(hypervisor) } }
            self.problems = problems
            facts = []
            return
        }
        // Building everything together finds the rest: overlaps, wirings that the kernel refuses.
        facts =
            note { try Self.build(configuration, calls: calls, hypervisor: hypervisor, log: log, tracer: tracer) } ?? []
        self.problems = problems
    }

    /// Everything that keeps each device from VFIO, except that it isn't bound; nil if there is nothing, or if the plan
    /// finds it.
    /// - Throws: `HostDeviceError.sysfs` when a file that names devices which the host needs can't be read.
    private static func bindingProblems(
        _ configuration: MachineConfiguration, _ calls: any MachineCalls
    ) throws(HostDeviceError) -> [String?] {
        let sysfs = Sysfs(system: calls)
        // The plan reports a device that can't be found.
        let devices = configuration.platformDevices.map {
            try? $0.identity.find(sysfs)
        }
        guard devices.contains(where: { $0.map { $0.state != .ready } ?? false }) else {
            return devices.map { _ in nil }
        }
        let conditions = try BindingConditions(sysfs: sysfs, proc: Sysfs(root: "/proc", system: calls))
        let together = Set(devices.compactMap { $0?.name })
        return try devices.map { device throws(HostDeviceError) in
            guard let device, device.state != .ready else { return nil }
            let problems = try conditions.problems(to: device, together: together)
            if problems.isEmpty { return nil }
            let text = HostDeviceError.binding(device: device.name, .refused(problems)).description
            return problems.contains(where: \.isFinal) ? text : "\(text)\n  run: martlet bind \(device.name)"
        }
    }

    private static func build(
        _ configuration: MachineConfiguration, calls: any MachineCalls, hypervisor: Hypervisor, log: Log,
        tracer: Tracer?
    ) throws -> [String] {
        let plan = try MachinePlan(configuration, calls: calls, hypervisor: hypervisor, log: log, tracer: tracer)
        // Only devices with descriptors that were handed in; they were not checked separately.
        if !plan.restartProblems.isEmpty { throw MachineError.noRestart(plan.restartProblems) }
        let console = try GuestConsole { _ in }
        let machine = try MicroVM(plan, hypervisor: hypervisor, console: console, profile: StartupProfile())
        // The additions to the tree come last.
        let end = machine.facts.count - plan.additionFacts.count
        return machine.facts.prefix(end) + verdicts(plan, calls) + machine.facts.dropFirst(end)
    }

    /// Whether each device will probably work, one line each. Empty if a node can't be explained: it is written anyway.
    private static func verdicts(_ plan: MachinePlan, _ calls: any MachineCalls) -> [String] {
        let sysfs = Sysfs(system: calls)
        var generator = NodeGenerator(
            tree: HostTree(sysfs), phandles: PhandleAllocator(), explains: true, tellsDependencies: false)
        guard let nodes = try? generator.generate(plan.passthrough.nodeRequests) else { return [] }
        return nodes.map { node in
            let hold = try? DeviceHold(of: HostDevice(host: node.device, sysfs: sysfs), sysfs: sysfs)
            let needs = node.needs(isHeld: hold?.isHeld == true)
            return needs.isEmpty
                ? "\(node.device): will probably work"
                : "\(node.device): probably needs \(needs.map(\.description).joined(separator: "; "))"
        }
    }
}

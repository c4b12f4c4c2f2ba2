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

/// Everything that can be found out about a configuration on this host without starting the guest.
///
/// What can be checked by itself is checked by itself, so that one problem doesn't hide the next.
public struct MachineCheck: Sendable {
    /// Each with its remedy. Empty when `martlet run` would get as far as the guest's first instruction, and would
    /// start the guest again where it is to.
    public let problems: [String]
    /// What was found, a line each, when there are no problems.
    public let facts: [String]

    /// Makes the checks. Devices are opened and wired, and given back.
    public init(_ configuration: MachineConfiguration, calls: any MachineCalls, log: Log, tracer: Tracer? = nil) {
        // A device's plan is made twice: alone and with all the others.
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
        // The device that needs them is checked by itself.
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
            // All that a device needs, where the plan would stop at the first.
            if let problem = bindingProblem {
                problems.append(problem)
                continue
            }
            // A descriptor that was handed in can be put to use once only.
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
            // Without problems the machine is built, and this is found then.
            if let hypervisor, let demands { _ = note { try demands.check(hypervisor) } }
            self.problems = problems
            facts = []
            return
        }
        // All of it together finds what only shows then: overlaps, wirings that the kernel refuses.
        facts = note { try Self.build(configuration, calls, hypervisor, log, tracer) } ?? []
        self.problems = problems
    }

    /// What keeps each device from VFIO besides not being bound; nil where there is nothing, or where the plan finds
    /// it.
    /// - Throws: `HostDeviceError.sysfs` when it can't be told what the host needs for itself.
    private static func bindingProblems(
        _ configuration: MachineConfiguration, _ calls: any MachineCalls
    ) throws(HostDeviceError) -> [String?] {
        let sysfs = Sysfs(system: calls)
        // A device that can't be found is a problem that the plan tells.
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
        _ configuration: MachineConfiguration, _ calls: any MachineCalls, _ hypervisor: Hypervisor, _ log: Log,
        _ tracer: Tracer?
    ) throws -> [String] {
        let plan = try MachinePlan(configuration, calls: calls, hypervisor: hypervisor, log: log, tracer: tracer)
        // Only those whose descriptors were handed in, which were not checked by themselves.
        if !plan.restartProblems.isEmpty { throw MachineError.noRestart(plan.restartProblems) }
        let console = try GuestConsole { _ in }
        let machine = try MicroVM(plan, hypervisor: hypervisor, console: console, profile: StartupProfile())
        // What was added to the tree is told last.
        let end = machine.facts.count - plan.additionFacts.count
        return machine.facts.prefix(end) + verdicts(plan, calls) + machine.facts.dropFirst(end)
    }

    /// Whether each device will probably work, a line each. Nothing where its node can't be explained: it is written
    /// all the same.
    private static func verdicts(_ plan: MachinePlan, _ calls: any MachineCalls) -> [String] {
        let sysfs = Sysfs(system: calls)
        var generator = NodeGenerator(
            tree: HostTree(sysfs), phandles: PhandleAllocator(), explains: true, tellsDependencies: false)
        guard let nodes = try? generator.generate(plan.passthrough.nodeRequests) else { return [] }
        return nodes.map { node in
            let hold = try? DeviceHold(of: HostDevice(host: node.device, sysfs: sysfs), sysfs: sysfs)
            var isHeld = false
            if case .held = hold { isHeld = true }
            let needs = node.needs(isHeld: isHeld)
            return needs.isEmpty
                ? "\(node.device): will probably work"
                : "\(node.device): probably needs \(needs.map(\.description).joined(separator: "; "))"
        }
    }
}

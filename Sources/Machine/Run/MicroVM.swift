// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Console
internal import GuestMemory
internal import KVM
internal import LinuxSystem
internal import Passthrough
internal import PlatformBus
internal import Synchronization

/// A virtual machine that is built and ready to run: RAM is loaded, vCPUs are reset, devices are connected.
///
/// It is one start of a `MachineSession`, whose `queue` brings commands while the guest runs.
///
/// Ownership: one thread builds, runs and releases it. vCPU threads share the queue, which has its own lock, and the
/// dispatcher, which is immutable. `parts` is under its lock, because `run` takes it.
final class MicroVM: Sendable {
    /// The parts that were built.
    struct Parts: Sendable {
        let runners: [VCPURunner]
        let dispatcher: MMIODispatcher
        let devices: ConnectedDevices
        /// The passed-through devices, then those of the board, in the order of their start.
        let live: [any LiveDevice]
        let loop: EventLoop
        /// The guest kernel's command line.
        let arguments: BootArguments?
    }

    /// All resources of the kernel, newest last. It is released after `parts`, so that it has the last share of each.
    private let resources: ResourceStack
    /// Nil after `run`.
    private let parts: Mutex<Parts?>
    private let placement: CPUPlacement?
    private let console: GuestConsole
    private let profile: StartupProfile
    private let plan: MachinePlan
    private let arguments: BootArguments?
    private let controls = BoardControls()
    private let queue: SessionQueue
    private let tell: @Sendable (String) -> Void

    /// Builds the VM of `plan`.
    /// - Parameters:
    ///   - console: connected to the guest's serial port.
    ///   - profile: takes a mark after each step.
    ///   - queue: the queue of the session.
    ///   - tell: takes messages for the user, on the thread that runs the machine.
    /// - Throws: `MachineError` naming the step that failed; everything that was created is released, newest first.
    init(
        _ plan: MachinePlan, hypervisor: Hypervisor, console: GuestConsole, profile: StartupProfile,
        queue: SessionQueue = SessionQueue(), tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(MachineError) {
        self.plan = plan
        self.console = console
        self.profile = profile
        self.queue = queue
        self.tell = tell
        // First of all, because older kernels require a guest's vCPUs to be created on CPUs of one kind.
        placement = try plan.configuration.machineSize.cpus.map { (cpus) throws(MachineError) in
            try CPUPlacement(cpus, sysfs: Sysfs(system: plan.calls))
        }
        try plan.openBootFiles()
        var stack = ResourceStack()
        let built: Parts
        do throws(MachineError) {
            built = try Self.build(
                plan, hypervisor, on: &stack, console: console, controls: controls, profile: profile, queue: queue)
        } catch {
            stack.releaseAll()
            throw error
        }
        arguments = built.arguments
        parts = Mutex(built)
        resources = stack
    }

    /// Newest first. The plan is released later: it has the devices that the VM was given, and a share of the
    /// hypervisor.
    deinit { release() }

    /// Releases everything that was built. A second call does nothing. Call it after its threads have ended.
    private func release() {
        parts.withLock { $0 = nil }
        resources.releaseAll()
    }

    /// What was built, one line each.
    var facts: [String] {
        let size = plan.configuration.machineSize
        var facts = ["machine: \(size.vcpuCount) vCPUs, \(size.memoryMebibytes) MiB at \(plan.layout.ram.base)"]
        if let cpus = size.cpus {
            facts.append("on the host's CPUs \(cpus), a vCPU on each of the first \(size.vcpuCount)")
        }
        facts += plan.identity?.report().lines ?? []
        if let reason = plan.memoryPlacement.reason { facts.append(reason) }
        facts += parts.withLock { $0?.devices.reports() ?? [] }.flatMap(\.lines)
        facts += plan.drives.facts
        if let line = arguments?.line { facts.append(line) }
        return facts + plan.additionFacts
    }

    /// The first address of RAM at the host's physical addresses that has moved.
    private func firstMoved() throws(MachineError) -> GuestAddress? {
        try mapError(MachineError.guestMemory, try plan.identity?.firstMoved())
    }

    /// Runs the guest until it ends, then takes the machine down.
    ///
    /// The vCPUs are joined, the devices are silenced, and everything is released except what the plan has opened. Call
    /// it once. Signals stay blocked from then on, so that none interrupts the release: pending ones reach the next
    /// machine of this process, if there is one.
    /// - Returns: why it ended, and the report.
    /// - Throws: `MachineError` when a thread can't be started or the event loop fails; the machine is taken down then
    ///   too.
    func run() throws(MachineError) -> (end: GuestEnd, report: RunReport) {
        let outcome = runUntilSilent()
        release()
        profile.mark("released")
        if let failure = outcome.failure { throw failure }
        // Only now: DMA that continues after its memory was unmapped faults, too.
        let devices = plan.passthrough.withFaults(outcome.devices)
        return (
            outcome.end,
            RunReport(
                end: outcome.end, devices: devices, drives: plan.drives.reports,
                memory: plan.identity?.report(moved: outcome.moved),
                arguments: arguments?.source == .configuration ? nil : arguments, exits: outcome.exits,
                unclaimedReads: outcome.unclaimedReads, unclaimedWrites: outcome.unclaimedWrites,
                droppedConsoleBytes: console.output.droppedByteCount, profile: profile.marks,
                pauses: queue.pauseCount, restartProblems: outcome.restartProblems)
        )
    }

    /// The facts about a run after its vCPUs and devices were silenced.
    private struct Outcome {
        let end: GuestEnd
        let devices: [DeviceReport]
        let exits: ExitCounts
        let unclaimedReads: UInt64
        let unclaimedWrites: UInt64
        let moved: GuestAddress?
        let restartProblems: [RestartProblem]
        let failure: MachineError?
    }

    /// Runs the guest, then stops vCPUs and devices. It keeps no share of the machine's parts.
    private func runUntilSilent() -> Outcome {
        guard let parts = parts.withLock({ $0.take() }) else { preconditionFailure("a machine runs once") }
        var (reason, failure) = supervise(parts)
        for runner in parts.runners { runner.stop() }
        let exits = parts.runners.reduce(ExitCounts()) { $0 + $1.join() }
        queue.disconnect()
        profile.mark("vcpus-joined")
        for device in parts.live.reversed() { device.quiesce() }
        let reports = parts.devices.reports()
        let restartProblems = reason == .reset ? parts.devices.restartProblems() : []
        var moved: GuestAddress?
        do throws(MachineError) { moved = try firstMoved() } catch { failure = failure ?? error }
        profile.mark("devices-silenced")
        console.disconnect()
        profile.mark("console-closed")
        return Outcome(
            end: reason ?? .quit, devices: reports, exits: exits, unclaimedReads: parts.dispatcher.unclaimedReads,
            unclaimedWrites: parts.dispatcher.unclaimedWrites, moved: moved, restartProblems: restartProblems,
            failure: failure)
    }

    /// Starts the vCPUs and handles the queue until the guest ends. It keeps no share of the machine's parts.
    private func supervise(_ parts: Parts) -> (end: GuestEnd?, failure: MachineError?) {
        let devices = parts.devices
        var guest = RunningGuest(
            runners: parts.runners, devices: parts.live, controls: controls, queue: queue, log: plan.log,
            status: { [plan, queue] in
                SessionStatus(
                    state: queue.state, devices: plan.passthrough.withFaults(devices.reports()),
                    drives: plan.drives.reports,
                    memory: plan.identity?.report())
            }, tell: tell)
        let loop = parts.loop
        do throws(MachineError) {
            try mapError(MachineError.call("sigaction"), try SystemThread.installKickHandler())
            // As late as possible: from here on the guest may give addresses to the devices.
            if let moved = try firstMoved() { throw .memoryMoved(moved.description) }
            guest.begin()
            for (index, runner) in parts.runners.enumerated() {
                let start = { [queue] () throws(MachineError) in try runner.start { queue.send(.guestEnded($0)) } }
                if let placement { try placement.onCPU(ofVCPU: index, start) } else { try start() }
            }
            profile.mark("threads")
            queue.connect(loop)
            do throws(Errno) {
                try loop.run(woken: {
                    guest.obey()
                    guard guest.end != nil else { return }
                    profile.mark("guest-end")
                    loop.stop()
                })
            } catch { throw .call("epoll_wait", errno: error) }
            return (guest.end, nil)
        } catch { return (guest.end, error) }
    }
}

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

/// A virtual machine that is built and ready to run: RAM loaded, vCPUs reset, devices connected.
///
/// It is one start of a `MachineSession`, whose `queue` says what to do while the guest runs.
///
/// Ownership: one thread builds it, runs it and lets go of it. vCPU threads share the queue, which guards itself, and
/// the dispatcher, which doesn't change. `parts` is under its lock, as it is taken by `run`.
final class MicroVM: Sendable {
    /// What was built.
    struct Parts: Sendable {
        let runners: [VCPURunner]
        let dispatcher: MMIODispatcher
        let devices: ConnectedDevices
        /// The passed-through devices, and then those of the board, in the order of their start.
        let live: [any LiveDevice]
        let loop: EventLoop
        /// The guest kernel's command line.
        let arguments: BootArguments?
    }

    /// Everything of the kernel's, newest last. It goes after `parts`, so that it has the last share of each.
    private let resources: ResourceStack
    /// Nil once it has run.
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
    ///   - console: the guest's serial port is joined to it.
    ///   - profile: takes a mark after each step.
    ///   - queue: of the session that it is a start of.
    ///   - tell: takes what the user is told, on the thread that runs the machine.
    /// - Throws: `MachineError` naming the step that failed; everything that was made is released, newest first.
    init(
        _ plan: MachinePlan, hypervisor: Hypervisor, console: GuestConsole, profile: StartupProfile,
        queue: SessionQueue = SessionQueue(), tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(MachineError) {
        self.plan = plan
        self.console = console
        self.profile = profile
        self.queue = queue
        self.tell = tell
        // First of all, as older kernels want to make a guest's vCPUs on CPUs of one kind.
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

    /// Newest first. The plan goes later: it has the devices that the VM was given, and a share of the hypervisor.
    deinit { release() }

    /// Lets go of everything that was built. A second call does nothing. Call it when its threads have ended.
    private func release() {
        parts.withLock { $0 = nil }
        resources.releaseAll()
    }

    /// What was built, a line each.
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

    /// The first address of RAM at the host's physical addresses that isn't what it was.
    private func firstMoved() throws(MachineError) -> GuestAddress? {
        try mapError(MachineError.guestMemory, try plan.identity?.firstMoved())
    }

    /// Runs the guest until it ends, then takes the machine down: vCPUs joined, devices silenced, everything released
    /// but what the plan has opened. Call it once. Signals stay blocked from then on, so that none cuts the end short:
    /// what is pending reaches the next machine of this process, if there is one.
    /// - Returns: why it ended, and the report.
    /// - Throws: `MachineError` when a thread can't be started or the event loop fails; the machine is taken down too.
    func run() throws(MachineError) -> (end: GuestEnd, report: RunReport) {
        let outcome = runUntilSilent()
        release()
        profile.mark("released")
        if let failure = outcome.failure { throw failure }
        // Only now: what goes on once its memory is gone faults, too.
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

    /// What is known of a run when its vCPUs and devices are silent.
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

    /// Runs the guest and stops all that moves. It keeps no share of the machine's parts.
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

    /// Starts the vCPUs and does what the queue says until the guest ends. It keeps no share of the machine's parts.
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
            // As late as can be: from here on the devices may be told where to write.
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

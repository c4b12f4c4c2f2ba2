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
    /// What was built, in the order in which it goes: `resources` has everything of the kernel's, newest last, and its
    /// shares must be the last ones.
    private struct Parts: ~Copyable, Sendable {
        let runners: [VCPURunner]
        let dispatcher: MMIODispatcher
        let devices: ConnectedDevices
        let live: [any LiveDevice]
        let loop: EventLoop
        let resources: ResourceStack
    }

    /// Nil once it has run. Declared before the plan, which holds the devices that the VM was given, and that before the
    /// hypervisor: stored properties go in the order of declaration.
    private let parts: Mutex<Parts?>
    private let placement: CPUPlacement?
    private let console: GuestConsole
    private let profile: StartupProfile
    private let plan: MachinePlan
    private let hypervisor: Hypervisor
    /// The guest kernel's command line.
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
        self.hypervisor = hypervisor
        self.console = console
        self.profile = profile
        self.queue = queue
        self.tell = tell
        let size = plan.configuration.machineSize
        // First of all, as older kernels want to make a guest's vCPUs on CPUs of one kind.
        placement = try size.cpus.map { (cpus) throws(MachineError) in
            try CPUPlacement(cpus, sysfs: Sysfs(system: plan.calls))
        }
        try plan.openBootFiles()
        var stack = ResourceStack()
        let vm: VirtualMachine
        let version: InterruptController.Version
        do throws(KVMError) {
            vm = stack.keep(try VirtualMachine(hypervisor, addressBits: plan.addressBits))
            version = try InterruptController.bestVersion(vm)
        } catch { throw .kvm(error) }
        if version == .v2, size.vcpuCount > 8 { throw .kvm(.vcpuCount(wanted: size.vcpuCount, limit: 8)) }
        profile.mark("vm")

        let (memory, boot) = try plan.load()
        profile.mark("image")
        let tree = try plan.deviceTree(boot, version)
        arguments = tree.arguments
        guard tree.blob.count <= BootLoader.deviceTreeLimit, memory.write(tree.blob, at: boot.deviceTree) else {
            throw .doesNotFit(what: "the device tree", bytes: UInt64(tree.blob.count), available: 0)
        }
        profile.mark("device-tree")

        var vcpus: [VirtualCPU] = []
        do throws(KVMError) {
            for bank in memory.banks {
                stack.keep(try MemorySlot(vm, at: bank.range.base.rawValue, mapping: bank.mapping))
            }
            profile.mark("memory-slots")
            for index in 0..<UInt32(size.vcpuCount) {
                let vcpu = stack.keep(try VirtualCPU(vm, index: index))
                try vcpu.initialize(poweredOff: index > 0)
                vcpus.append(vcpu)
            }
            if let first = vcpus.first {
                // Documentation/arch/arm64/booting.rst: x0 holds the device tree, x1 to x3 are zero, as after a reset.
                try first.set(.pc, to: boot.entry.rawValue)
                try first.set(.x(0), to: boot.deviceTree.rawValue)
            }
        } catch { throw Self.explained(error, plan) }
        if let first = vcpus.first { try boot.demands?.check(first) }
        do throws(KVMError) {
            profile.mark("vcpus")
            let controller = stack.keep(
                try InterruptController(
                    vm, version: version, layout: plan.layout.interruptController(version),
                    neededSPICount: plan.bus.neededSPICount))
            try controller.makeLevelTriggered(
                plan.passthrough.levelTriggeredSPIs.map { GSI(rawValue: $0.rawValue) })
        } catch { throw .kvm(error) }
        profile.mark("interrupt-controller")

        let loop = stack.keep(
            try naming("the event loop (epoll_create1, eventfd, epoll_ctl)") { () throws(Errno) in
                try EventLoop(of: plan.calls)
            })
        let devices: ConnectedDevices
        do throws(PassthroughError) {
            devices = stack.keep(
                try ConnectedDevices(
                    plan.passthrough, vm: vm,
                    memory: memory.banks.map { ($0.range.base.rawValue, $0.mapping) }, loop: loop, log: plan.log,
                    tracer: plan.tracer))
        } catch { throw .passthrough(error) }
        profile.mark("passthrough")

        let context = DeviceContext(
            vm: vm, bus: plan.bus, loop: loop,
            console: ConnectedConsole(console: console, loop: loop) { [queue] in queue.send(.key($0)) },
            controls: controls)
        var live: [any LiveDevice] = []
        for (device, place) in plan.devices {
            let started: any LiveDevice
            do { started = try device.start(at: place, in: context) } catch { throw MachineError(device, error) }
            stack.keep(started)
            live.append(started)
        }
        // SIGHUP, SIGINT and SIGTERM, and SIGUSR1, which shows the state: from here on they arrive in the event loop only.
        stack.keep(
            try SignalWatch([1, 2, CurrentProcess.userSignal, 15], loop: loop, system: plan.calls) { [queue] in
                queue.send(.signal($0))
            })
        let log = plan.log
        let dispatcher = plan.bus.makeDispatcher { access in
            log(
                .warning,
                "the guest \(access.isWrite ? "wrote" : "read") \(access.width.bytes) bytes at \(access.address), "
                    + "where there is nothing" + (access.isLastReport ? "; further pages are only counted" : ""))
        }
        let emulator = InstructionEmulator(memory: memory, dispatcher: dispatcher, log: log)
        parts = Mutex(
            Parts(
                runners: vcpus.map { VCPURunner($0, dispatcher: dispatcher, emulator: emulator) },
                dispatcher: dispatcher, devices: devices, live: live, loop: loop, resources: stack))
        profile.mark("devices")
    }

    /// An error of KVM's with what the host has to do with it.
    private static func explained(_ error: KVMError, _ plan: MachinePlan) -> MachineError {
        guard case .vcpuInit(_, errno: .invalidArgument) = error else { return .kvm(error) }
        let kinds = CPUPlacement.kinds(Sysfs(system: plan.calls))
        return kinds.count == 1 ? .kvm(error) : .mixedCPUs(error, kinds: kinds)
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
        if let line = arguments?.line { facts.append(line) }
        return facts + plan.additionFacts
    }

    /// The first address of RAM at the host's physical addresses that isn't what it was.
    private func firstMoved() throws(MachineError) -> GuestAddress? {
        try memoryError { () throws(GuestMemoryError) in try plan.identity?.firstMoved() }
    }

    /// Runs the guest until it ends, then takes the machine down: vCPUs joined, devices silenced, everything released but
    /// what the plan has opened. Call it once. Signals stay blocked from then on, so that none cuts the end short: what is
    /// pending reaches the next machine of this process, if there is one.
    /// - Returns: why it ended, and the report.
    /// - Throws: `MachineError` when a thread can't be started or the event loop fails; the machine is taken down too.
    func run() throws(MachineError) -> (end: GuestEnd, report: Report) {
        guard let parts = parts.withLock({ $0.take() }) else { preconditionFailure("a machine runs once") }
        var (reason, failure) = supervise(parts)
        for runner in parts.runners { runner.stop() }
        let exits = parts.runners.reduce(ExitCounts()) { $0 + $1.join() }
        queue.disconnect()
        profile.mark("vcpus-joined")
        for device in parts.live.reversed() { device.quiesce() }
        parts.devices.silence()
        let reports = parts.devices.reports()
        let restartObstacles = reason == .reset ? parts.devices.restartObstacles() : []
        var moved: GuestAddress?
        do throws(MachineError) { moved = try firstMoved() } catch { failure = failure ?? error }
        profile.mark("devices-silenced")
        console.disconnect()
        profile.mark("console-closed")
        let end = reason ?? .quit
        let unclaimed = (reads: parts.dispatcher.unclaimedReads, writes: parts.dispatcher.unclaimedWrites)
        _ = consume parts
        profile.mark("released")
        if let failure { throw failure }
        // Only now: what goes on once its memory is gone faults, too.
        let devices = plan.passthrough.withFaults(reports)
        return (
            end,
            Report(
                end: end, devices: devices, memory: plan.identity?.report(moved: moved),
                arguments: arguments?.source == .configuration ? nil : arguments, exits: exits,
                unclaimedReads: unclaimed.reads,
                unclaimedWrites: unclaimed.writes, droppedConsoleBytes: console.output.droppedByteCount,
                profile: profile.marks, pauses: queue.pauseCount, restartObstacles: restartObstacles)
        )
    }

    /// Starts the vCPUs and does what the queue says until the guest ends. It keeps no share of the machine's parts.
    private func supervise(_ parts: borrowing Parts) -> (end: GuestEnd?, failure: MachineError?) {
        let devices = parts.devices
        var guest = RunningGuest(
            runners: parts.runners, devices: parts.live, controls: controls, queue: queue, log: plan.log,
            status: { [plan, queue] in
                SessionStatus(
                    state: queue.state, devices: plan.passthrough.withFaults(devices.reports()),
                    memory: plan.identity?.report())
            }, tell: tell)
        let loop = parts.loop
        do throws(MachineError) {
            try naming("sigaction") { () throws(Errno) in try SystemThread.installKickHandler() }
            // As late as can be: from here on the devices may be told where to write.
            if let moved = try firstMoved() { throw .memoryMoved(moved.description) }
            guest.begin()
            for (index, runner) in parts.runners.enumerated() {
                let start = { [queue] () throws(MachineError) in try runner.start { queue.send(.guestEnded($0)) } }
                if let placement { try placement.onCPU(ofVCPU: index, start) } else { try start() }
            }
            profile.mark("threads")
            queue.connect(loop)
            try naming("epoll_wait") { () throws(Errno) in
                try loop.run(woken: {
                    guest.obey()
                    guard guest.end != nil else { return }
                    profile.mark("guest-end")
                    loop.stop()
                })
            }
            return (guest.end, nil)
        } catch { return (guest.end, error) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Console
public import KVM
public import LinuxSystem
internal import Synchronization

/// A guest's life on this host, including its restarts: built → running ⇄ paused → ended.
///
/// One thread calls `run`, which handles the session's only queue: commands from other threads, the user's keys,
/// signals, and ends of vCPUs. A guest that asks for a reset is restarted in the same session, if the configuration
/// says so; the devices stay open, while RAM, VM and console are new.
///
/// While a guest is paused the host's time goes on. Afterwards the RTC and the architected timer show it, as on a host
/// whose CPUs were busy. Interrupts of passed-through devices stay pending in the VM.
///
/// Ownership: `next` is under its lock; `queue` has its own lock. Any thread may call `send` and `state`.
public final class MachineSession: Sendable {
    private let plan: MachinePlan
    private let hypervisor: Hypervisor
    private let makeConsole: @Sendable () throws(Errno) -> GuestConsole
    private let tell: @Sendable (String) -> Void
    private let queue = SessionQueue()
    /// The machine that is built and hasn't run yet.
    private let next: Mutex<MicroVM?>

    /// Builds the machine of `plan`.
    /// - Parameters:
    ///   - console: creates the user's end of the serial port, once for each start.
    ///   - profile: takes a mark after each step of the first start.
    ///   - tell: takes the status text that SIGUSR1 requests, and messages about the user's keys, on the thread that
    ///     calls `run`.
    /// - Throws: `MachineError` naming the step that failed; everything that was created is released, newest first.
    public init(
        _ plan: MachinePlan, hypervisor: Hypervisor,
        console: @escaping @Sendable () throws(Errno) -> GuestConsole, profile: StartupProfile,
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(MachineError) {
        // Not an error yet, because the guest may never ask for a reset.
        for problem in plan.restartProblems { plan.log(.warning, problem.description) }
        next = Mutex(
            try Self.build(plan, hypervisor, console: console, profile: profile, queue: queue, tell: tell))
        self.plan = plan
        self.hypervisor = hypervisor
        makeConsole = console
        self.tell = tell
    }

    private static func build(
        _ plan: MachinePlan, _ hypervisor: Hypervisor, console: () throws(Errno) -> GuestConsole,
        profile: StartupProfile, queue: SessionQueue, tell: @escaping @Sendable (String) -> Void
    ) throws(MachineError) -> MicroVM {
        let console = try mapError(MachineError.call("the console"), try console())
        return try MicroVM(
            plan, hypervisor: hypervisor, console: console, profile: profile, queue: queue, tell: tell)
    }

    /// The state of the session.
    ///
    /// Any thread may ask; the state may change at any time.
    public var state: SessionState { queue.state }

    /// Sends a command to the session, from any thread, and returns at once.
    ///
    /// A command that is sent before `run`, or while the guest is restarted, waits until the guest runs. After the end
    /// every command is refused with `SessionProblem.ended`.
    /// - Parameter answer: called once, on the thread that calls `run`; after the end, on the calling thread. It must
    ///   not wait for the session.
    public func send(_ command: SessionCommand, answer: @escaping @Sendable (SessionAnswer) -> Void = { _ in }) {
        queue.send(.command(command, answer: answer))
    }

    /// Runs the guest until it ends and isn't restarted. Call it once.
    /// - Returns: why it ended, and the report.
    /// - Throws: `MachineError` when a machine can't be built or run; everything is released then, too.
    public func run() throws(MachineError) -> (end: GuestEnd, report: RunReport) {
        defer { queue.end() }
        var restarts = RestartPolicy(plan.configuration)
        while let machine = next.withLock({ $0.take() }) {
            var (end, report) = try machine.run()
            report.restarts = restarts.count
            switch restarts.decide(after: report, at: Clock.monotonicNanoseconds) {
            case .end: return (end, report)
            case .refuse(let reason):
                report.restartRefusal = reason
                plan.log(.warning, "the guest asked for a reset, and Martlet doesn't restart it: \(reason)")
                return (end, report)
            case .restart: break
            }
            plan.log(.info, "the guest asked for a reset: start \(restarts.count + 1)")
            let another = try Self.build(
                plan, hypervisor, console: makeConsole, profile: StartupProfile(), queue: queue, tell: tell)
            next.withLock { $0 = another }
        }
        preconditionFailure("a session runs once")
    }
}

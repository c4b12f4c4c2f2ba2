// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Console
public import KVM
public import LinuxSystem
internal import Synchronization

/// A guest's life on this host, over all its starts: built → running ⇄ paused → ended.
///
/// One thread calls `run`, which drains the session's only queue: commands from other threads, the user's keys,
/// signals, and ends of vCPUs. A guest that asks for a reset is started again in it, as the configuration says; the
/// devices stay open, while RAM, VM and console are new.
///
/// While a guest is paused the host's time goes on: the RTC and the architected timer show it afterwards, as they do on
/// a host whose CPUs were busy. Interrupts of passed-through devices stay pending in the VM.
///
/// Ownership: `next` is under its lock; `queue` guards itself. `send` and `state` may be used from any thread.
public final class MachineSession: Sendable {
    private let plan: MachinePlan
    private let hypervisor: Hypervisor
    private let makeConsole: @Sendable () throws(Errno) -> GuestConsole
    private let tell: @Sendable (String) -> Void
    private let queue = SessionQueue()
    /// The machine that is built and hasn't run.
    private let next: Mutex<MicroVM?>

    /// Builds the machine of `plan`.
    /// - Parameters:
    ///   - console: makes the user's end of the serial port, anew for each start.
    ///   - profile: takes a mark after each step of the first start.
    ///   - tell: takes the text that SIGUSR1 asks for, and what the user's keys lead to, on the thread that calls
    ///     `run`.
    /// - Throws: `MachineError` naming the step that failed; everything that was made is released, newest first.
    public init(
        _ plan: MachinePlan, hypervisor: Hypervisor,
        console: @escaping @Sendable () throws(Errno) -> GuestConsole, profile: StartupProfile,
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(MachineError) {
        // The guest may never ask for a reset, so this is no error yet.
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

    /// Where the session is. Any thread may ask; it may have changed meanwhile.
    public var state: SessionState { queue.state }

    /// Tells the session what to do, from any thread, and returns at once.
    ///
    /// A command that comes before `run`, or while the guest is started again, waits until the guest runs. After the
    /// end every command is refused with `SessionProblem.ended`.
    /// - Parameter answer: called once, on the thread that calls `run`, and after the end on the calling one. It must
    ///   not wait for the session.
    public func send(_ command: SessionCommand, answer: @escaping @Sendable (SessionAnswer) -> Void = { _ in }) {
        queue.send(.command(command, answer: answer))
    }

    /// Runs the guest until it ends and isn't to be started again. Call it once.
    /// - Returns: why it ended, and the report.
    /// - Throws: `MachineError` when a machine can't be built or run; everything is taken down then, too.
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

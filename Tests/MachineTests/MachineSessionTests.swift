// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import Glibc
import KVM
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

@testable import Machine

/// Sessions on the fake host: what a front may tell them, and when.
@Suite(.timeLimit(.minutes(5))) struct MachineSessionTests {
    private let host = FakeHost()
    private let terminal: FakeTerminal

    init() throws { terminal = try FakeTerminal() }

    /// A session that runs on a thread of its own.
    private final class Running: Sendable {
        let session: MachineSession
        let answers = CallLog<SessionAnswer>()
        private let outcome = Mutex<Result<(end: GuestEnd, report: RunReport), MachineError>?>(nil)
        private let thread = Mutex<SystemThread?>(nil)

        init(_ session: MachineSession) { self.session = session }

        func start() throws {
            let thread = try SystemThread(name: "session") { [self] in
                let result = Result { () throws(MachineError) in try session.run() }
                outcome.withLock { $0 = result }
            }
            self.thread.withLock { $0 = thread }
        }

        func reaches(_ state: SessionState) -> Bool { waits(5000) { session.state == state } }

        /// Sends a command and waits for its answer.
        func ask(_ command: SessionCommand) throws -> SessionAnswer {
            let answer = Mutex<SessionAnswer?>(nil)
            session.send(command) { given in answer.withLock { $0 = given } }
            #expect(waits(5000) { answer.withLock { $0 != nil } })
            return try #require(answer.withLock { $0 })
        }

        func join() throws -> (end: GuestEnd, report: RunReport) {
            thread.withLock { $0.take() }?.join()
            return try #require(outcome.withLock { $0 }).get()
        }
    }

    private func session(
        _ configuration: MachineConfiguration? = nil, log: Log? = nil,
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> Running {
        let hypervisor = try host.makeHypervisor()
        let plan = try MachinePlan(
            configuration ?? host.configuration(), calls: host.kernel, hypervisor: hypervisor,
            log: log ?? host.log.log)
        return Running(
            try MachineSession(
                plan, hypervisor: hypervisor, console: terminal.maker, profile: StartupProfile(), tell: tell))
    }

    private func script(_ vcpu: UInt32 = 0, _ exits: FakeExit...) {
        host.kernel.withState { $0.kvm.exits[vcpu] = exits }
    }

    // MARK: States

    @Test func `a session goes through its states, and refuses what doesn't fit`() throws {
        do {
            let running = try session(host.configuration(vcpus: 3))
            #expect(running.session.state == .built)
            try running.start()
            #expect(running.reaches(.running))
            #expect(try running.ask(.resume) == .refused(.notPaused))
            #expect(try running.ask(.pause) == .done)
            #expect(running.session.state == .paused)
            #expect(try running.ask(.pause) == .refused(.alreadyPaused))
            #expect(try running.ask(.resume) == .done)
            #expect(running.session.state == .running)
            #expect(try running.ask(.stop) == .done)
            let (end, report) = try running.join()
            #expect(end == .quit)
            #expect(report.pauses == 1)
            #expect(report.text.contains("\npauses: 1"))
            #expect(running.session.state == .ended)
            #expect(try running.ask(.pause) == .refused(.ended))
        }
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
        #expect(host.kernel.disorder == nil)
    }

    @Test(arguments: [SessionCommand.pause, .resume, .stop, .pressPowerKey, .status])
    func `after the end every command is refused on the spot`(command: SessionCommand) throws {
        script(0, .systemEvent(1))
        let running = try session()
        try running.start()
        #expect(try running.join().end == .powerOff)
        running.session.send(command) { running.answers.note($0) }
        #expect(running.answers.calls.map(\.word) == ["refused: the guest has ended"])
    }

    @Test func `a command that comes before the guest runs waits for it`() throws {
        let running = try session()
        running.session.send(.pause) { running.answers.note($0) }
        #expect(running.answers.calls.isEmpty)
        try running.start()
        #expect(running.reaches(.paused))
        #expect(running.answers.calls.map(\.word) == ["done"])
        running.session.send(.stop)
        #expect(try running.join().end == .quit)
    }

    @Test func `a paused guest does nothing, and goes on with what it was at`() throws {
        let running = try session(host.configuration(vcpus: 2))
        try running.start()
        #expect(try running.ask(.pause) == .done)
        script(1, .mmioRead(address: 0x901_0000, length: 4), .systemEvent(1))
        usleep(50_000)
        #expect(host.kernel.withState { $0.kvm.answers }.isEmpty)
        #expect(try running.ask(.resume) == .done)
        #expect(try running.join().end == .powerOff)
        #expect(host.kernel.withState { $0.kvm.answers }.count == 1)
    }

    @Test func `2,000 pauses in a row are all done, in order`() throws {
        let running = try session(host.configuration(vcpus: 2))
        try running.start()
        for _ in 0..<2000 {
            running.session.send(.pause) { running.answers.note($0) }
            running.session.send(.resume) { running.answers.note($0) }
        }
        running.session.send(.stop) { running.answers.note($0) }
        let (end, report) = try running.join()
        #expect(end == .quit)
        #expect(report.pauses == 2000)
        #expect(running.answers.calls.map(\.word) == [String](repeating: "done", count: 4001))
    }

    // MARK: Keys, status

    @Test func `Ctrl-A z pauses and tells the user, and Ctrl-A x ends a guest that is paused`() throws {
        let told = CallLog<String>()
        let running = try session { told.note($0) }
        try running.start()
        terminal.type("\u{1}z")
        #expect(running.reaches(.paused))
        #expect(waits(5000) { told.calls == ["martlet: the guest is paused; press Ctrl-A z to resume it\n"] })
        terminal.type("\u{1}z")
        #expect(running.reaches(.running))
        terminal.type("\u{1}z")
        #expect(running.reaches(.paused))
        terminal.type("\u{1}x")
        let (end, report) = try running.join()
        #expect(end == .quit)
        #expect(report.pauses == 2)
    }

    @Test func `the status has the state and the devices`() throws {
        host.add("1000.net")
        let running = try session(host.configuration(devices: [.named("1000.net")]))
        try running.start()
        #expect(try running.ask(.pause) == .done)
        guard case .status(let status) = try running.ask(.status) else {
            Issue.record("no status")
            return
        }
        #expect(status.state == .paused)
        #expect(status.devices.map(\.host) == ["1000.net"])
        #expect(status.lines.first == "machine: paused")
        #expect(try running.ask(.resume) == .done)
        guard case .status(let later) = try running.ask(.status) else { return }
        #expect(later.lines.first?.hasPrefix("device 1000.net: ") == true)
        running.session.send(.stop)
        #expect(try running.join().end == .quit)
    }

    @Test(arguments: [true, false]) func `the power key is a command where there is one`(isThere: Bool) throws {
        var configuration = host.configuration()
        configuration.powerKey = isThere
        let running = try session(configuration)
        try running.start()
        #expect(try running.ask(.pressPowerKey) == (isThere ? .done : .refused(.noPowerKey)))
        running.session.send(.stop)
        _ = try running.join()
    }

    // MARK: Restarts

    private func restarting(vcpus: Int = 1) -> MachineConfiguration {
        var configuration = host.configuration(vcpus: vcpus)
        configuration.onReset = .restart
        return configuration
    }

    @Test func `a guest that asks for a reset is started again in the same session`() throws {
        do {
            script(0, .systemEvent(2), .systemEvent(2), .systemEvent(1))
            let running = try session(restarting())
            try running.start()
            let (end, report) = try running.join()
            #expect(end == .powerOff)
            #expect(report.restarts == 2)
            #expect(host.log.all.contains("info: the guest asked for a reset: start 3"))
        }
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
    }

    @Test func `a storm of resets ends the session, and the report says why`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [FakeExit](repeating: .systemEvent(2), count: 20) }
        let running = try session(restarting())
        try running.start()
        let (end, report) = try running.join()
        #expect(end == .reset)
        #expect(report.restarts == RestartLimit.maximum)
        #expect(report.restartRefusal == "it asked for more than 10 resets within 60 s")
    }

    /// Said while no machine runs.
    @Test func `a command between two starts is the next machine's`() throws {
        script(0, .systemEvent(2))
        let box = Mutex<MachineSession?>(nil)
        let answers = CallLog<SessionAnswer>()
        let log = Log(threshold: .info) { _, text in
            guard text.hasPrefix("the guest asked for a reset: start") else { return }
            box.withLock { $0 }?.send(.stop) { answers.note($0) }
        }
        let running = try session(restarting(), log: log)
        box.withLock { $0 = running.session }
        try running.start()
        let (end, report) = try running.join()
        #expect(end == .quit)
        #expect(report.restarts == 1)
        #expect(answers.calls.map(\.word) == ["done"])
        box.withLock { $0 = nil }
    }

    @Test func `a guest whose session is paused starts paused`() throws {
        let queue = SessionQueue()
        queue.note(.paused)
        script(0, .systemEvent(1))
        let hypervisor = try host.makeHypervisor()
        let machine = try MicroVM(
            try host.makePlan(host.configuration(), hypervisor: hypervisor), hypervisor: hypervisor,
            console: terminal.console, profile: StartupProfile(), queue: queue)
        let end = Mutex<GuestEnd?>(nil)
        let thread = try SystemThread(name: "machine") {
            let found = try? machine.run().end
            end.withLock { $0 = found }
        }
        usleep(100_000)
        #expect(end.withLock { $0 } == nil)
        #expect(host.kernel.withState { $0.kvm.exits[0]?.count } == 1)
        queue.send(.command(.resume) { _ in })
        thread.join()
        #expect(end.withLock { $0 } == .powerOff)
    }

    @Test func `a vCPU of the last machine doesn't end the next one`() {
        let queue = SessionQueue()
        queue.send(.guestEnded(.reset))
        queue.send(.signal(15))
        queue.send(.guestEnded(.reset))
        queue.send(.key(.quit))
        queue.disconnect()
        var left: [String] = []
        while let event = queue.take() { left.append("\(event)") }
        #expect(left.count == 2)
        #expect(left.first?.contains("signal(15)") == true)
    }
}

extension SessionAnswer {
    /// What it says, without a status' content.
    var word: String {
        switch self {
        case .done: "done"
        case .status: "status"
        case .refused(let problem): "refused: \(problem)"
        }
    }

    static func == (left: SessionAnswer, right: SessionAnswer) -> Bool { left.word == right.word }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KernelFakes
import LinuxSystem
import Testing
import VFIO

@testable import Machine

/// A guest that asks for a reset and is started again, in the same process and on the same plan.
@Suite struct RestartTests {
    private let host = FakeHost()

    private func run(_ plan: MachinePlan) throws -> (end: GuestEnd, report: RunReport) {
        let terminal = try FakeTerminal()
        let machine = try MicroVM(
            plan, hypervisor: try host.makeHypervisor(), console: terminal.console, profile: StartupProfile())
        return try machine.run()
    }

    @Test func `the next machine finds its devices reset and its memory new`() throws {
        host.add("1000.net", properties: ["compatible": .string("test,net"), "reg": .cells64([0x1000, 0x1000])])
        do {
            let plan = try host.makePlan(host.configuration(devices: [.named("1000.net")]))
            for start in 1...3 {
                host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2)] }
                #expect(try run(plan).end == .reset)
                // Once when it was opened, and after each guest.
                #expect(host.kernel.withState { $0.vfio.devices["1000.net"]?.resetCount } == 1 + start)
                #expect(host.kernel.withState { $0.vfio.dmaMappings.isEmpty })
            }
            let journal = host.kernel.journal.map(\.description)
            #expect(journal.filter { $0.hasPrefix("+ memfd_create") }.count == 3)
            #expect(journal.filter { $0.hasPrefix("+ VFIO_IOMMU_MAP_DMA") }.count == 3)
            // The device itself stays open.
            #expect(journal.filter { $0.hasPrefix("+ VFIO_GROUP_GET_DEVICE_FD") }.count == 1)
            withExtendedLifetime(plan) {}
        }
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
    }

    @Test func `the next guest has another seed`() throws {
        let plan = try host.makePlan(host.configuration())
        #expect(try plan.deviceTree(hypervisor: nil) != plan.deviceTree(hypervisor: nil))
    }

    @Test func `a storm of restarts ends`() {
        var limit = RestartLimit()
        func take(_ second: UInt64, _ more: UInt64 = 0) -> Bool { limit.take(at: second * 1_000_000_000 + more) }
        #expect((0..<10).map { take($0) } == [Bool](repeating: true, count: 10))
        #expect(!take(59))
        #expect(limit.count == 10)
        // The first is a minute old now, and the second not.
        #expect(take(60))
        #expect(!take(60, 1))
        #expect(take(61))
        #expect(limit.count == 12)
    }

    // MARK: Devices that nothing has stopped

    /// The machine's configuration, with a device that may do DMA.
    private func configuration(canReset: Bool, isAllowed: Bool = false) -> MachineConfiguration {
        host.add("1000.net", flags: canReset ? [.platform, .reset] : .platform)
        var configuration = host.configuration(devices: [.named("1000.net")])
        configuration.onReset = .restart
        configuration.allowsUnresetRestart = isAllowed
        return configuration
    }

    /// What follows a guest that asks for a reset.
    private func decision(_ configuration: MachineConfiguration, resetFailure: Errno? = nil) throws
        -> RestartPolicy.Decision
    {
        let plan = try host.makePlan(configuration)
        host.kernel.withState { state in
            state.kvm.exits[0] = [.systemEvent(2)]
            state.vfio.devices["1000.net"]?.resetFailure = resetFailure
        }
        var policy = RestartPolicy(configuration)
        let decision = policy.decide(after: try run(plan).report, at: 0)
        #expect(policy.count == (decision == .restart ? 1 : 0))
        return decision
    }

    @Test func `a device without a reset ends the machine instead of another start`() throws {
        #expect(
            try decision(configuration(canReset: false))
                == .refuse(
                    "1000.net: nothing resets the device: the host's kernel can't reset it, and Martlet has no recipe for "
                        + "test,device"))
    }

    @Test func `a device whose reset has failed ends the machine instead of another start`() throws {
        let configuration = configuration(canReset: true)
        #expect(try decision(configuration) == .restart)
        #expect(
            try decision(configuration, resetFailure: .ioError)
                == .refuse("1000.net: the device's reset failed: EIO (Input/output error)"))
    }

    @Test func `the user may allow it`() throws {
        #expect(try decision(configuration(canReset: false, isAllowed: true)) == .restart)
        #expect(try decision(configuration(canReset: true, isAllowed: true), resetFailure: .ioError) == .restart)
    }

    @Test func `check refuses it, and run knows it beforehand`() throws {
        let text = """
            1000.net: on_reset is "restart", but nothing resets the device: the host's kernel can't reset it, and Martlet has no \
            recipe for test,device
              DMA that one guest has started could write to the RAM of the next guest
              set reset to the steps that reset the device; set dma to "none" if the guest needs no DMA; set on_reset to "exit"; or set \
            allow_unreset_restart to true if the device writes nothing after the guest's reset
            """
        func problems(_ configuration: MachineConfiguration) -> [String] {
            MachineCheck(configuration, calls: host.kernel, log: host.log.log).problems
        }
        let refused = configuration(canReset: false)
        #expect(problems(refused) == [text])
        #expect(try host.makePlan(refused).restartProblems.map(\.description) == [text])
        var allowed = refused
        allowed.allowsUnresetRestart = true
        #expect(problems(allowed) == [])
        #expect(try host.makePlan(allowed).restartProblems.isEmpty)
        var ending = refused
        ending.onReset = .exit
        #expect(problems(ending) == [])
        var quiet = refused
        quiet.platformDevices[0].dma = .none
        #expect(problems(quiet) == [])
        #expect(problems(configuration(canReset: true)) == [])
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
    }

    @Test func `why a guest is not started again is in the report`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2)] }
        var report = try run(try host.makePlan(host.configuration())).report
        #expect(report.text.hasPrefix("guest: reset\n"))
        report.restartRefusal = "a: b"
        #expect(report.text.hasPrefix("guest: reset (not restarted: a: b)\n"))
    }

    @Test func `a guest that ends otherwise, or a reset that is to end it, is an end`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        var configuration = host.configuration()
        configuration.onReset = .restart
        var policy = RestartPolicy(configuration)
        #expect(policy.decide(after: try run(try host.makePlan(configuration)).report, at: 0) == .end)
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2)] }
        let report = try run(try host.makePlan(configuration)).report
        for _ in 0..<RestartLimit.maximum { #expect(policy.decide(after: report, at: 0) == .restart) }
        #expect(policy.decide(after: report, at: 0) == .refuse("it asked for more than 10 resets within 60 s"))
        var ending = RestartPolicy(host.configuration())
        #expect(ending.decide(after: report, at: 0) == .end)
    }

    @Test func `restarts are in the report`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        var report = try run(try host.makePlan(host.configuration())).report
        #expect(!report.text.contains("restarts"))
        report.restarts = 3
        #expect(report.text.contains("\nrestarts: 3"))
    }
}

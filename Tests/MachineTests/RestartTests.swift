// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KernelFakes
import Testing
import VFIO

@testable import Machine

/// A guest that asks for a reset and is started again, in the same process and on the same plan.
@Suite struct RestartTests {
    private let host = FakeHost()

    private func run(_ plan: MachinePlan) throws -> (end: GuestEnd, report: Report) {
        let terminal = try FakeTerminal()
        let machine = try Machine(
            plan, hypervisor: try host.makeHypervisor(), console: terminal.console, profile: StartupProfile())
        return try machine.run()
    }

    @Test func theNextMachineFindsItsDevicesResetAndItsMemoryNew() throws {
        host.add("1000.net", properties: ["compatible": .string("test,net"), "reg": .cells64([0x1000, 0x1000])])
        do {
            let plan = try host.makePlan(host.configuration(devices: [.named("1000.net")]))
            for start in 1...3 {
                host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2)] }
                #expect(try run(plan).end == .reset)
                #expect(host.kernel.withState { $0.vfio.devices["1000.net"]?.resetCount } == start)
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

    @Test func theNextGuestHasAnotherSeed() throws {
        let plan = try host.makePlan(host.configuration())
        #expect(try plan.deviceTree(hypervisor: nil) != plan.deviceTree(hypervisor: nil))
    }

    @Test func aStormOfRestartsEnds() {
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

    @Test func restartsAreInTheReport() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        var report = try run(try host.makePlan(host.configuration())).report
        #expect(!report.text.contains("restarts"))
        report.restarts = 3
        #expect(report.text.contains("\nrestarts: 3"))
    }
}

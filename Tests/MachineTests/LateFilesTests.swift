// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KVM
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

@testable import Machine

/// The calls that open a file or a folder, or look at a path, from the first KVM_RUN on.
final class LateCalls: Sendable {
    private static let kinds = ["open ", "read /", "list /", "readlink /", "stat /", "run "]

    private let log = CallLog<String>()
    var calls: [String] { log.calls }

    init(_ kernel: FakeKernel) {
        kernel.withState { [log] state in
            state.beforeCall = { [weak kernel] call in
                let hasRun = kernel?.withState { $0.kvm.runCount > 0 } ?? false
                if hasRun, Self.kinds.contains(where: call.hasPrefix) { log.note(call) }
                return nil
            }
        }
    }
}

/// From the first KVM_RUN on nothing is opened any more, also where the guest is started again: a sandbox that forbids
/// it may stand from there on.
@Suite(.timeLimit(.minutes(5))) struct LateFilesTests {
    private let host = FakeHost()
    private let late: LateCalls

    init() {
        late = LateCalls(host.kernel)
        host.kernel.withState { $0.kernelLog = [] }
    }

    /// Runs a guest that asks for a reset and then powers off, with everything asked for that may be asked for.
    private func run(_ configuration: MachineConfiguration) throws {
        var configuration = configuration
        configuration.onReset = .restart
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2), .systemEvent(1)] }
        let terminal = try FakeTerminal()
        let hypervisor = try host.makeHypervisor()
        let plan = try host.makePlan(configuration, hypervisor: hypervisor)
        let session = try MachineSession(
            plan, hypervisor: hypervisor, console: terminal.maker, profile: StartupProfile())
        session.send(.status)
        let (end, report) = try session.run()
        #expect(end == .powerOff)
        #expect(report.restarts == 1)
        #expect(host.kernel.withState { $0.kvm.runCount } >= 2)
        #expect(report.text.contains("guest: power-off"))
    }

    @Test func `a guest without devices`() throws {
        try run(host.configuration(vcpus: 2))
        #expect(late.calls == [])
    }

    @Test func `a guest with devices behind an IOMMU, behind none, and with files of their own`() throws {
        host.add("1000.net", properties: ["compatible": .string("test,net"), "reg": .cells64([0x1000, 0x1000])])
        host.add(
            "2000.transport", group: 8, isNoIOMMU: true, regions: [.init(size: 0x200, access: [.read, .write])],
            interrupts: [.edge])
        host.add("3000.dma", group: 5, file: 2)
        try run(
            host.configuration(
                devices: [.named("1000.net"), .named("2000.transport", dma: .none), .named("3000.dma")]))
        #expect(late.calls == [])
    }

    @Test func `a guest whose devices can't be reset`() throws {
        host.add("1000.net", flags: .platform)
        var configuration = host.configuration(devices: [.named("1000.net")])
        configuration.allowsUnresetRestart = true
        try run(configuration)
        #expect(late.calls == [])
    }

    @Test func `a guest whose devices are reset by their registers, and by lines of the guest's`() throws {
        host.kernel.addFile("/sys/firmware/devicetree/base/rst/compatible", "x,resets\0")
        host.kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/rst/phandle"] = [0, 0, 0, 5]
            state.files["/sys/firmware/devicetree/base/rst/#reset-cells"] = [0, 0, 0, 0]
        }
        host.add(
            "1000.gpio", flags: .platform, properties: ["compatible": .string("arm,pl061"), "resets": .cell(5)])
        let writes = host.kernel.withState { $0.callCount }
        try run(host.configuration(devices: [.named("1000.gpio")]))
        #expect(late.calls == [])
        #expect(host.kernel.withState { $0.callCount } > writes)
    }
}

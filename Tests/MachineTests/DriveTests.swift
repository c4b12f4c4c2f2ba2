// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import KernelFakes
import LinuxSystem
import Testing

@testable import Machine

/// Drives from the configuration to the board, the command line and the report.
@Suite(.timeLimit(.minutes(5))) struct DriveTests {
    private let host = FakeHost()

    init() {
        host.kernel.withState { state in
            for path in ["/a.img", "/b.img", "/c.img"] { state.files[path] = [UInt8](repeating: 1, count: 1024) }
        }
    }

    private func configuration(_ drives: [Drive], entropy: Bool = false) -> MachineConfiguration {
        var configuration = host.configuration()
        configuration.drives = drives
        configuration.entropy = entropy ? EntropySource() : nil
        return configuration
    }

    @Test func `each drive has a slot, a line and a node, the one with the root first`() throws {
        let plan = try host.makePlan(
            configuration(
                [Drive(id: "a", path: "/a.img"), Drive(id: "b", path: "/b.img", isRootDevice: true)], entropy: true))
        let virtio = plan.devices.filter { $0.device.name.hasPrefix("drive") || $0.device.name.hasPrefix("entropy") }
        #expect(virtio.map(\.device.name) == ["drive b", "drive a", "entropy device"])
        #expect(virtio.map(\.place.windows[0].base.rawValue) == [0x0A00_0000, 0x0A00_1000, 0x0A00_2000])
        #expect(Set(virtio.map(\.place.lines)).count == 3)
        let nodes = plan.boardNodes.filter { $0[property: "compatible"]?.strings == ["virtio,mmio"] }
        #expect(nodes.map(\.name) == ["virtio_mmio@a000000", "virtio_mmio@a001000", "virtio_mmio@a002000"])
    }

    private func arguments(_ configuration: MachineConfiguration) throws -> String? {
        let plan = try host.makePlan(configuration)
        return try Tree(parsing: try plan.deviceTree(hypervisor: nil)).node(at: "/chosen")?[property: "bootargs"]?
            .string
    }

    @Test func `the root device is on the command line, and nothing else changes it`() throws {
        let words = "console=ttyS0 panic=-1"
        #expect(try arguments(configuration([Drive(id: "a", path: "/a.img")])) == words)
        var root = Drive(id: "a", path: "/a.img", isRootDevice: true)
        #expect(try arguments(configuration([root])) == "\(words) root=/dev/vda rw")
        root.isReadOnly = true
        root.partitionUUID = "0eaa91a0-01"
        #expect(try arguments(configuration([root])) == "\(words) root=PARTUUID=0eaa91a0-01 ro")
        var bare = configuration([root])
        bare.bootSource.bootArguments = nil
        #expect(try arguments(bare) == "root=PARTUUID=0eaa91a0-01 ro")
    }

    @Test func `drives are open from the plan to its end, and go newest first, before KVM`() throws {
        let drives = [Drive(id: "a", path: "/a.img"), Drive(id: "b", path: "/b.img", isRootDevice: true)]
        do {
            let plan = try host.makePlan(configuration(drives), hypervisor: try host.makeHypervisor())
            #expect(host.kernel.held == ["open /dev/kvm", "open /a.img", "open /b.img"])
            withExtendedLifetime(plan) {}
        }
        #expect(host.kernel.held == [])
        #expect(host.kernel.disorder == nil)
    }

    @Test func `a drive that can't be had is told before anything else is made`() {
        let drives = [Drive(id: "a", path: "/a.img"), Drive(id: "b", path: "/none.img")]
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration(drives)) }
        #expect(
            error
                == .drive(
                    .call("open", key: "drives[1].path_on_host", path: "/none.img", errno: .noSuchFileOrDirectory)))
        #expect(host.kernel.held == [])
        #expect(!host.kernel.journal.contains { "\($0)".contains("KVM_CREATE_VM") })
    }

    @Test func `the check tells all drives that are wrong, each once`() {
        host.kernel.withState { $0.kvm.capabilities[66] = 512 }
        let drives = [Drive(id: "a", path: "/x.img"), Drive(id: "b", path: "/a.img"), Drive(id: "c", path: "/y.img")]
        let check = MachineCheck(configuration(drives), calls: host.kernel, log: .silent)
        #expect(check.problems.count == 2, "\(check.problems)")
        #expect(check.problems.allSatisfy { $0.contains("ENOENT") })
        let fine = MachineCheck(configuration([drives[1]]), calls: host.kernel, log: .silent)
        #expect(fine.problems == [])
        #expect(fine.facts.contains("drive b: 1024 bytes of /a.img"))
        #expect(host.kernel.held == [])
    }

    @Test func `a guest that is started again has its drives, and the report has them`() throws {
        var configuration = configuration([Drive(id: "a", path: "/a.img")], entropy: true)
        configuration.onReset = .restart
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2), .systemEvent(1)] }
        let late = LateCalls(host.kernel)
        let terminal = try FakeTerminal()
        do {
            let hypervisor = try host.makeHypervisor()
            let plan = try host.makePlan(configuration, hypervisor: hypervisor)
            let session = try MachineSession(
                plan, hypervisor: hypervisor, console: terminal.maker, profile: StartupProfile())
            let (end, report) = try session.run()
            #expect(end == .powerOff && report.restarts == 1)
            #expect(report.drives.map(\.id) == ["a"])
            #expect(
                report.text.contains("drive a: 0 reads (0 bytes), 0 writes (0 bytes), 0 flushes, 0 discards, 0 errors"))
        }
        #expect(late.calls == [])
        #expect(host.kernel.held == [])
    }
}

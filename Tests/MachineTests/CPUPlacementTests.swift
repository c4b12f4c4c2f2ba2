// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KVM
import KernelFakes
import LinuxSystem
import Testing

@testable import Machine

/// Machines that are kept to some of the host's CPUs; the fake's process may use 0 to 3.
@Suite struct CPUPlacementTests {
    private let host = FakeHost()
    private let terminal: FakeTerminal

    init() throws {
        terminal = try FakeTerminal()
        host.kernel.addFile("/sys/devices/system/cpu/present", "0-6\n")
        host.kernel.addFile("/sys/devices/system/cpu/online", "0-4,6\n")
    }

    private func configuration(_ cpus: String, vcpus: Int = 1) throws -> MachineConfiguration {
        var configuration = host.configuration(vcpus: vcpus)
        let list: CPUList = try #require(CPUList(cpus))
        configuration.machineSize.cpus = list
        return configuration
    }

    private func makeMachine(_ configuration: MachineConfiguration) throws -> MicroVM {
        let hypervisor = try host.makeHypervisor()
        return try MicroVM(
            try host.makePlan(configuration, hypervisor: hypervisor), hypervisor: hypervisor,
            console: terminal.console, profile: StartupProfile())
    }

    private var affinities: [[Int]] { host.kernel.withState { $0.affinities } }

    @Test func `each vCPU gets the next CPU, and all else gets all of them`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        let machine = try makeMachine(configuration("3,1-2", vcpus: 2))
        // Each is tried by itself, since the kernel leaves out what can't be.
        #expect(affinities == [[3], [1], [2], [3, 1, 2]])
        // vCPUs are made where they run: older kernels want them on CPUs of one kind.
        #expect(host.kernel.withState { $0.affinitiesAtFirstVCPU } == 4)
        #expect(try machine.run().end == .powerOff)
        #expect(affinities.dropFirst(4) == [[3], [3, 1, 2], [1], [3, 1, 2]])
    }

    @Test func `without the key nothing is said`() throws {
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        #expect(try makeMachine(host.configuration()).run().end == .powerOff)
        #expect(affinities.isEmpty)
    }

    @Test(arguments: [
        ("0,9", MachineError.cpuMissing(9, possible: "0-6")), ("5", .cpuOffline(5)), ("0-4", .cpuNotAllowed(4)),
    ])
    func `a CPU that can't be had is refused before the VM`(cpus: String, error: MachineError) throws {
        #expect(throws: error) { try makeMachine(configuration(cpus)) }
        #expect(!host.kernel.journal.contains(.acquire("KVM_CREATE_VM")))
        let check = MachineCheck(try configuration(cpus), calls: host.kernel, log: host.log.log)
        #expect(check.problems == [error.description])
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `a CPU that goes meanwhile ends the start`() throws {
        do {
            let machine = try makeMachine(configuration("0-1", vcpus: 2))
            host.kernel.withState { $0.usableCPUs = [0] }
            let error = machineError { () throws(MachineError) in try machine.run() }
            #expect(error == .affinity(cpus: "1", errno: .invalidArgument))
        }
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `check says where the machine would run`() throws {
        let check = MachineCheck(try configuration("2,0", vcpus: 1), calls: host.kernel, log: host.log.log)
        #expect(check.problems.isEmpty)
        #expect(check.facts.contains("on the host's CPUs 2,0, a vCPU on each of the first 1"))
    }

    // MARK: CPUs of several kinds

    private func setKinds(_ kinds: [String]) {
        host.kernel.addFile("/sys/devices/system/cpu/online", "0-\(kinds.count - 1)\n")
        for (index, kind) in kinds.enumerated() {
            host.kernel.addFile("/sys/devices/system/cpu/cpu\(index)/regs/identification/midr_el1", kind + "\n")
        }
    }

    private func refusal() throws -> MachineError? {
        host.kernel.withState { state in
            state.beforeCall = { $0.hasPrefix("KVM_ARM_VCPU_INIT") ? .invalidArgument : nil }
        }
        let hypervisor = try host.makeHypervisor()
        return machineError { () throws(MachineError) in
            try MicroVM(
                try host.makePlan(host.configuration(), hypervisor: hypervisor), hypervisor: hypervisor,
                console: terminal.console, profile: StartupProfile())
        }
    }

    private let refusedVCPU = KVMError.vcpuInit(index: 0, errno: .invalidArgument)

    @Test func `the error of a vCPU that can't be set up on a host of several kinds of CPUs has the kinds`() throws {
        setKinds(["0x410fd034", "0x410fd034", "0x410fd0c1", "0x410fd034", "0x410fd0c1"])
        #expect(try refusal() == .mixedCPUs(refusedVCPU, kinds: ["0-1,3", "2,4"]))
    }

    @Test func `the hint is given where the kinds can't be told, and not where there is one`() throws {
        #expect(try refusal() == .mixedCPUs(refusedVCPU, kinds: []))
        setKinds(["0x410fd034", "0x410fd034"])
        #expect(try refusal() == .kvm(refusedVCPU))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import KVM

@Suite struct HypervisorTests {
    private let kernel = fakeKVM()

    private func error(_ body: () throws(KVMError) -> Void) -> KVMError? {
        do throws(KVMError) {
            try body()
            return nil
        } catch { return error }
    }

    @Test func `opens a fit KVM and closes it`() throws {
        do {
            let hypervisor = try Hypervisor(calls: kernel)
            withExtendedLifetime(hypervisor) { #expect(kernel.held == ["open /dev/kvm"]) }
        }
        #expect(kernel.held.isEmpty)
    }

    @Test func `a missing device is explained`() {
        kernel.withState { $0.devices = [] }
        let error = error { () throws(KVMError) in _ = try Hypervisor(calls: kernel) }
        #expect(
            error == .open(path: "/dev/kvm", errno: .noSuchFileOrDirectory))
    }

    @Test func `a device that only this container lacks is explained`() {
        kernel.withState { $0.devices = [] }
        kernel.addFile("/sys/class/misc/kvm/dev", "10:232\n")
        let error = error { () throws(KVMError) in _ = try Hypervisor(calls: kernel) }
        #expect(
            error == .hidden(path: "/dev/kvm"))
    }

    /// The devices of a control group.
    @Test func `a device that a container may not open is explained`() {
        kernel.withState { state in
            state.failingCall = 1
            state.failure = .notPermitted
        }
        let error = error { () throws(KVMError) in _ = try Hypervisor(calls: kernel) }
        #expect(
            error == .open(path: "/dev/kvm", errno: .notPermitted))
    }

    @Test func `a forbidden device is explained`() {
        kernel.withState { state in
            state.failingCall = 1
            state.failure = .permissionDenied
        }
        let error = error { () throws(KVMError) in _ = try Hypervisor(calls: kernel) }
        #expect(error == .open(path: "/dev/kvm", errno: .permissionDenied))
    }

    @Test(arguments: [0, 11, 13])
    func `refuses another API version`(version: Int) {
        kernel.withState { $0.kvm.apiVersion = version }
        #expect(error { () throws(KVMError) in _ = try Hypervisor(calls: kernel) } == .apiVersion(found: version))
        #expect(kernel.held.isEmpty)
    }

    private static let generic: [(UInt32, String)] = [
        (Capability.userMemory, "KVM_CAP_USER_MEMORY"), (Capability.irqfd, "KVM_CAP_IRQFD"),
        (Capability.irqfdResample, "KVM_CAP_IRQFD_RESAMPLE"), (Capability.ioeventfd, "KVM_CAP_IOEVENTFD"),
        (Capability.immediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
    ]
    private static let arm: [(UInt32, String)] = [
        (Capability.oneReg, "KVM_CAP_ONE_REG"), (Capability.deviceControl, "KVM_CAP_DEVICE_CTRL"),
        (Capability.psci, "KVM_CAP_ARM_PSCI_0_2"),
    ]

    @Test(arguments: generic + arm)
    func `names the capability that is missing`(number: UInt32, name: String) {
        kernel.withState { $0.kvm.capabilities[number] = 0 }
        let error = error { () throws(KVMError) in _ = try Hypervisor(calls: kernel) }
        #expect(error == .missingCapability(name))
        #expect(kernel.held.isEmpty)
    }

    @Test(arguments: arm)
    func `only an ARM guest needs the ARM half`(number: UInt32, name: String) {
        kernel.withState { $0.kvm.capabilities[number] = 0 }
        #expect(error { () throws(KVMError) in _ = try Hypervisor(calls: kernel, requiring: .generic) } == nil)
    }

    @Test func `the greater of the two limits on VCP us counts`() throws {
        kernel.withState { state in
            state.kvm.capabilities[Capability.maxVCPUs] = 0
            state.kvm.capabilities[Capability.nrVCPUs] = 4
        }
        let hypervisor = try Hypervisor(calls: kernel)
        #expect(try hypervisor.maximumVCPUCount() == 4)
        kernel.withState { $0.kvm.capabilities[Capability.maxVCPUs] = 8 }
        #expect(try hypervisor.maximumVCPUCount() == 8)
    }

    // MARK: Address bits

    /// The smallest size that KVM takes is 32 bits (api.rst, 4.2).
    @Test(arguments: [(1, 32), (31, 32), (32, 32), (33, 33), (36, 36), (40, 40), (48, 48), (52, 52)])
    func `asks for the address bits that are needed`(bits: Int, machineType: UInt) throws {
        let kernel = fakeKVM(addressBits: 52)
        let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: bits)
        withExtendedLifetime(vm) { #expect(kernel.withState { $0.kvm.machineTypes } == [machineType]) }
    }

    @Test(arguments: [(36, 37), (40, 41), (48, 52)])
    func `refuses more address bits than the host has`(limit: Int, needed: Int) throws {
        let kernel = fakeKVM(addressBits: limit)
        let hypervisor = try Hypervisor(calls: kernel)
        let error = error { () throws(KVMError) in _ = try VirtualMachine(hypervisor, addressBits: needed) }
        #expect(error == .addressBits(needed: needed, limit: limit))
        #expect(kernel.held == ["open /dev/kvm"])
    }

    @Test func `a host that cannot choose has forty bits`() throws {
        let kernel = fakeKVM(addressBits: 0)
        let hypervisor = try Hypervisor(calls: kernel)
        #expect(try hypervisor.maximumAddressBits() == 40)
        _ = try VirtualMachine(hypervisor, addressBits: 40)
        _ = try VirtualMachine(hypervisor, addressBits: 32)
        #expect(kernel.withState { $0.kvm.machineTypes } == [0, 0])
        #expect(
            error { () throws(KVMError) in _ = try VirtualMachine(hypervisor, addressBits: 41) }
                == .addressBits(needed: 41, limit: 40))
    }

    @Test func `the VM keeps KVM open`() throws {
        var vm: VirtualMachine? = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        withExtendedLifetime(vm) { #expect(kernel.held == ["open /dev/kvm", "KVM_CREATE_VM"]) }
        vm = nil
        #expect(kernel.held.isEmpty)
        #expect(kernel.releasedInReverseOrder, "\(kernel.journal)")
    }
}

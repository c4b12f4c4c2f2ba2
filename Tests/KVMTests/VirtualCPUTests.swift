// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import KVM

@Suite struct VirtualCPUTests {
    private let kernel = fakeKVM()
    private let vm: VirtualMachine
    private let vcpu: VirtualCPU

    init() throws {
        vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        vcpu = try VirtualCPU(vm, index: 0)
    }

    private func script(_ exits: FakeExit...) { kernel.withState { $0.kvm.exits[0] = exits } }

    // MARK: Exits

    @Test(arguments: [1, 2, 4, 8] as [UInt32])
    func `an MMIO read is answered in its length`(length: UInt32) throws {
        script(.mmioRead(address: 0x9000_0004, length: length), .systemEvent(1))
        #expect(try vcpu.run() == .mmioRead(address: 0x9000_0004, length: length))
        vcpu.complete(read: 0x8877_6655_4433_2211)
        #expect(try vcpu.run() == .shutdown)
        let mask = UInt64.max >> (64 - UInt64(length) * 8)
        #expect(kernel.withState { $0.kvm.answers } == [0x8877_6655_4433_2211 & mask])
    }

    @Test(
        arguments: [
            (1, 0x11), (2, 0x2211), (4, 0x4433_2211), (8, 0x8877_6655_4433_2211),
        ] as [(UInt32, UInt64)])
    func `an MMIO write has the value of its length`(length: UInt32, value: UInt64) throws {
        script(.mmioWrite(address: 0xFF_0000_0000, length: length, value: 0x8877_6655_4433_2211))
        #expect(try vcpu.run() == .mmioWrite(address: 0xFF_0000_0000, length: length, value: value))
    }

    @Test func `a length that no access has is passed on without reading beyond the data`() throws {
        script(.mmioWrite(address: 0x1000, length: 4000, value: 1))
        #expect(try vcpu.run() == .mmioWrite(address: 0x1000, length: 4000, value: 1))
    }

    @Test(arguments: [
        (
            FakeExit.noSyndrome(iss: 0x07, address: 0x9000_0010),
            VCPUExit.noSyndrome(address: 0x9000_0010, isWrite: false)
        ),
        (.noSyndrome(iss: 0x47, address: 0x9000_0010), .noSyndrome(address: 0x9000_0010, isWrite: true)),
        (.systemEvent(1), .shutdown), (.systemEvent(2), .reset), (.systemEvent(3), .crash),
        (.systemEvent(9), .unknown(reason: 24, detail: 9)), (.interrupted, .interrupted),
        (.failedEntry(reason: 0x1_0000_0002), .failedEntry(reason: 0x1_0000_0002)),
        (.internalError(suberror: 3), .internalError(suberror: 3)), (.other(reason: 5), .unknown(reason: 5, detail: 0)),
        (.other(reason: .max), .unknown(reason: .max, detail: 0)), (.failure(.interrupted), .interrupted),
        (.failure(.resourceTemporarilyUnavailable), .interrupted),
    ])
    func `decodes an exit`(script exit: FakeExit, expected: VCPUExit) throws {
        script(exit)
        #expect(try vcpu.run() == expected)
    }

    @Test func `what KVM run refuses is an error that names the VCPU`() {
        script(.failure(.noFunction))
        let error = #expect(throws: KVMError.self) { try vcpu.run() }
        #expect(error == .call("KVM_RUN(vcpu0)", errno: .noFunction))
    }

    @Test func `an immediate exit keeps the VCPU out until it is taken back`() throws {
        script(.systemEvent(1))
        vcpu.setImmediateExit(true)
        #expect(try vcpu.run() == .interrupted)
        #expect(try vcpu.run() == .interrupted)
        vcpu.setImmediateExit(false)
        #expect(try vcpu.run() == .shutdown)
    }

    @Test func `an immediate exit does not lose the answer to a read`() throws {
        script(.mmioRead(address: 0, length: 4))
        _ = try vcpu.run()
        vcpu.complete(read: 42)
        vcpu.setImmediateExit(true)
        #expect(try vcpu.run() == .interrupted)
        #expect(kernel.withState { $0.kvm.answers } == [42])
    }

    // MARK: Set-up

    @Test func `only the boot CPU is initialised running`() throws {
        try vcpu.initialize(poweredOff: false)
        try vcpu.initialize(poweredOff: true)
        #expect(kernel.calls("KVM_ARM_VCPU_INIT") == ["  KVM_ARM_VCPU_INIT", "  KVM_ARM_VCPU_INIT powered off"])
    }

    /// KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | the byte offset in struct kvm_regs / 4 (api.rst, 4.68).
    @Test(
        arguments: [
            (CoreRegister.x(0), 0x6030_0000_0010_0000), (.x(1), 0x6030_0000_0010_0002), (.x(30), 0x6030_0000_0010_003C),
            (.spEL1, 0x6030_0000_0010_0044), (.sp, 0x6030_0000_0010_003E), (.pc, 0x6030_0000_0010_0040),
            (.pstate, 0x6030_0000_0010_0042),
        ] as [(CoreRegister, UInt64)])
    func `a register has the identifier of the ABI`(register: CoreRegister, identifier: UInt64) throws {
        try vcpu.set(register, to: 0x1234)
        #expect(kernel.withState { $0.kvm.registers } == ["KVM_CREATE_VCPU 0": [identifier: 0x1234]])
        #expect(try vcpu.value(of: register) == 0x1234)
    }

    /// api.rst, 4.68: 0x6030 0000 0013 and the encoding for a system register; 0x6040 0000 0010 0054 is V0, four words
    /// each.
    @Test(
        arguments: [
            (SystemRegister.sctlrEL1, 0x6030_0000_0013_C080), (.ttbr0EL1, 0x6030_0000_0013_C100),
            (.ttbr1EL1, 0x6030_0000_0013_C101), (.tcrEL1, 0x6030_0000_0013_C102), (.tcr2EL1, 0x6030_0000_0013_C103),
        ] as [(SystemRegister, UInt64)])
    func `a system register has the identifier of the ABI`(register: SystemRegister, identifier: UInt64) throws {
        kernel.withState { $0.kvm.registers["KVM_CREATE_VCPU 0"] = [identifier: 0x77] }
        #expect(try vcpu.value(of: register) == 0x77)
    }

    @Test func `a register that the CPU lacks is an error that names it`() {
        kernel.withState { $0.kvm.missingRegisters = [0x6030_0000_0013_C103] }
        let error = #expect(throws: KVMError.self) { try vcpu.value(of: .tcr2EL1) }
        #expect(error == .call("KVM_GET_ONE_REG(tcr2_el1) of vcpu0", errno: .noSuchFileOrDirectory))
    }

    @Test func `vectors have the identifiers of the ABI`() throws {
        let value = UInt128(1) << 127 | 5
        try vcpu.setVector(0, to: value)
        try vcpu.setVector(31, to: 9)
        #expect(
            kernel.withState { $0.kvm.vectors }
                == ["KVM_CREATE_VCPU 0": [0x6040_0000_0010_0054: value, 0x6040_0000_0010_00D0: 9]])
        #expect(try vcpu.vector(0) == value)
    }

    @Test func `a data abort is injected`() throws {
        try vcpu.injectDataAbort()
        #expect(kernel.withState { $0.kvm.dataAborts } == 1)
        #expect(kernel.calls("KVM_SET_VCPU_EVENTS").count == 1)
    }

    // MARK: Accesses without a syndrome

    @Test func `their exit is enabled where the host has it`() throws {
        #expect(vm.reportsMissingSyndromes)
        #expect(kernel.withState { $0.kvm.enabledCapabilities } == [177])
    }

    @Test(arguments: [177, 178] as [UInt32])
    func `hosts without it do`(missing: UInt32) throws {
        let kernel = fakeKVM()
        kernel.withState { $0.kvm.capabilities[missing] = 0 }
        let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        #expect(!vm.reportsMissingSyndromes)
        #expect(kernel.withState { $0.kvm.enabledCapabilities }.isEmpty)
    }

    @Test func `the register dump has every register`() throws {
        try vcpu.set(.pc, to: 0xFFFF_8000_0801_0000)
        try vcpu.set(.x(30), to: 0xABC)
        let lines = vcpu.registerDump().split(separator: "\n")
        #expect(lines.count == 12)
        #expect(lines.first?.hasPrefix("    pc 0xffff800008010000 pstate 0x0") == true)
        let words = Set(lines.flatMap { $0.split(separator: " ") })
        #expect(words.isSuperset(of: (0...30).map { "x\($0)" }))
        #expect(words.contains("0xabc"))
    }

    @Test func `a register that cannot be read is shown as such`() {
        kernel.withState { $0.failingCall = $0.callCount + 1 }
        #expect(vcpu.registerDump().hasPrefix("    pc ?"))
    }

    @Test(arguments: [
        (1, "KVM_CREATE_VCPU(1)"), (2, "KVM_GET_VCPU_MMAP_SIZE"), (3, "mmap of vCPU 1"),
    ])
    func `a VCPU that cannot be made leaves nothing`(call: Int, name: String) {
        let held = kernel.held
        kernel.withState { $0.failingCall = $0.callCount + call }
        #expect(throws: KVMError.call(name, errno: .ioError)) { try VirtualCPU(vm, index: 1) }
        #expect(kernel.held == held)
    }

    @Test func `is unmapped and closed`() throws {
        let held = kernel.held
        var second: VirtualCPU? = try VirtualCPU(vm, index: 1)
        withExtendedLifetime(second) {
            #expect(kernel.held == held + ["KVM_CREATE_VCPU 1", "mmap KVM_CREATE_VCPU 1"])
        }
        second = nil
        #expect(kernel.held == held)
        #expect(kernel.releasedInReverseOrder, "\(kernel.journal)")
    }
}

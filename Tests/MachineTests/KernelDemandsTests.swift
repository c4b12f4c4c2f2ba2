// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KernelFakes
import LinuxSystem
import Testing

@testable import Machine

/// A kernel for pages or a byte order that the vCPUs lack would hang in its first instructions.
@Suite struct KernelDemandsTests {
    private let host = FakeHost()
    /// ID_AA64MMFR0_EL1 by KVM's encoding: 3, 0, c0, c7, 0.
    private static let register: UInt64 = 0x6030_0000_0013_C038
    /// TGran4 and TGran64 without 52 bits, no TGran16, mixed endianness: a Cortex-A72.
    private static let cortexA72: UInt64 = 0x0000_1124

    private func give(_ features: UInt64, flags: UInt64) {
        host.kernel.withState { state in
            state.kvm.registers["KVM_CREATE_VCPU 0", default: [:]][Self.register] = features
            state.files["/Image"] = arm64Image(imageSize: 0x1000, flags: flags)
        }
    }

    private func check(_ devices: [PlatformDevice] = []) -> [String] {
        let problems = MachineCheck(
            host.configuration(devices: devices), calls: host.kernel, log: host.log.log
        ).problems
        #expect(host.kernel.held.isEmpty)
        return problems
    }

    // MARK: Fields

    @Test(
        arguments: [
            (0, nil), (2, 4096), (4, 16384), (6, 65536), (0xA, 4096), (0xFFFF_FFFF_FFFF_FFF9, nil),
        ] as [(UInt64, UInt64?)])
    func `the headers flags say the page size`(flags: UInt64, size: UInt64?) {
        #expect(KernelDemands(flags: flags, path: "").pageSize == size)
    }

    @Test func `the headers first flag is the byte order`() {
        #expect(KernelDemands(flags: 1, path: "").isBigEndian)
        #expect(!KernelDemands(flags: 0xFFFF_FFFF_FFFF_FFFE, path: "").isBigEndian)
    }

    /// Arm ARM: TGran4 is [31:28], TGran64 [27:24], TGran16 [23:20], BigEnd [11:8].
    @Test(
        arguments: [
            (0x0000_0000, [4096, 65536], false), (0xFF00_0000, [], false), (0x0010_0100, [4096, 16384, 65536], true),
            (0xF010_0000, [16384, 65536], false), (0x1F20_0100, [4096, 16384], true),
            (0x0000_1124, [4096, 65536], true),
        ] as [(UInt64, [UInt64], Bool)])
    func `the registers fields are read`(register: UInt64, sizes: [UInt64], hasBigEndian: Bool) {
        let features = MemoryModelFeatures(register)
        #expect(features.pageSizes == sizes)
        #expect(features.hasBigEndian == hasBigEndian)
    }

    // MARK: Machines

    @Test(arguments: [0, 2, 6, 1, 7] as [UInt64])
    func `what the CPU has is no problem`(flags: UInt64) {
        give(Self.cortexA72, flags: flags)
        #expect(check().isEmpty)
    }

    private static let pages = MachineError.image(path: "/Image", .pageSize(16384, host: [4096, 65536]))

    @Test func `pages that the CPU has not are refused`() {
        give(Self.cortexA72, flags: 0xC)
        #expect(check() == [Self.pages.description])
    }

    @Test func `a byte order that the CPU has not is refused`() {
        give(0x1024, flags: 0xB)
        #expect(
            check() == [MachineError.image(path: "/Image", .bigEndian).description])
    }

    /// Then the machine isn't built, and a vCPU of the check's own is asked.
    @Test func `another problem does not hide it`() {
        give(Self.cortexA72, flags: 0xC)
        let problems = check([.named("none")])
        #expect(problems.count == 2)
        #expect(problems.last == Self.pages.description)
    }

    @Test func `a run ends before the guest begins`() throws {
        give(Self.cortexA72, flags: 0xC)
        let hypervisor = try host.makeHypervisor()
        let terminal = try FakeTerminal()
        let error = #expect(throws: MachineError.self) {
            try MicroVM(
                try host.makePlan(host.configuration(), hypervisor: hypervisor), hypervisor: hypervisor,
                console: terminal.console, profile: StartupProfile())
        }
        #expect(error == Self.pages)
    }

    /// Nothing is asked for a kernel that doesn't say.
    @Test func `a register that cannot be read is told only if it matters`() {
        host.kernel.withState { $0.kvm.missingRegisters = [Self.register] }
        give(Self.cortexA72, flags: 0)
        #expect(check().isEmpty)
        give(Self.cortexA72, flags: 4)
        #expect(check().first?.hasPrefix("KVM_GET_ONE_REG(id_aa64mmfr0_el1) of vcpu0: ENOENT") == true)
    }
}

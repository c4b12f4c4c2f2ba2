// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import KVM

/// KVM_DEV_TYPE_* (include/uapi/linux/kvm.h).
private let vgicV2: UInt32 = 5
private let vgicV3: UInt32 = 7

@Suite struct InterruptControllerTests {
    private let kernel = fakeKVM()
    private let vm: VirtualMachine
    private let layout = InterruptController.Layout(distributor: 0x800_0000, secondFrame: 0x80A_0000)

    init() throws { vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40) }

    @Test(
        arguments: [(nil, .v3), (vgicV2, .v3), (vgicV3, .v2)] as [(UInt32?, InterruptController.Version)])
    func `prefers version 3`(refused: UInt32?, expected: InterruptController.Version) throws {
        kernel.withState { state in
            if let refused { state.kvm.refusedDevices = [refused] }
        }
        #expect(try InterruptController.bestVersion(vm) == expected)
    }

    @Test func `a host without one is refused`() {
        kernel.withState { $0.kvm.refusedDevices = [vgicV2, vgicV3] }
        let error = #expect(throws: KVMError.noInterruptController) { try InterruptController.bestVersion(vm) }
        #expect(error == .noInterruptController)
    }

    /// Only ENODEV says that the host has none (api.rst, 4.79); another failure must not make a GICv3 host's guest
    /// slow.
    @Test func `another failure is no reason for version 2`() {
        kernel.withState { $0.failingCall = $0.callCount + 1 }
        let error = #expect(throws: KVMError.self) { try InterruptController.bestVersion(vm) }
        #expect(error == .call("KVM_CREATE_DEVICE(vGIC3)", errno: .ioError))
    }

    /// arm-vgic-v3.rst: the number of interrupts, the frames, and only then the initialisation.
    @Test func `version 3 is set up in the order of the ABI`() throws {
        let controller = try InterruptController(vm, version: .v3, layout: layout, neededSPICount: 960)
        #expect(controller.version == .v3)
        #expect(kernel.calls("KVM_CREATE_DEVICE") == ["+ KVM_CREATE_DEVICE \(vgicV3)"])
        #expect(
            kernel.withState { $0.kvm.attributes } == [
                .init(3, 0, .word(992)), .init(0, 2, .address(0x800_0000)), .init(0, 3, .address(0x80A_0000)),
                .init(4, 0, .none),
            ])
    }

    @Test func `version 2 is set up in the order of the ABI`() throws {
        let controller = try InterruptController(vm, version: .v2, layout: layout, neededSPICount: 960)
        #expect(controller.version == .v2)
        #expect(kernel.calls("KVM_CREATE_DEVICE") == ["+ KVM_CREATE_DEVICE \(vgicV2)"])
        #expect(
            kernel.withState { $0.kvm.attributes } == [
                .init(3, 0, .word(992)), .init(0, 0, .address(0x800_0000)), .init(0, 1, .address(0x80A_0000)),
                .init(4, 0, .none),
            ])
    }

    /// GICD_ICFGR<n>: two bits for each interrupt, the upper of which says edge. INTIDs 34, 35 and 52, in words 2 and
    /// 3.
    @Test func `lines are made level triggered and no others`() throws {
        let controller = try InterruptController(vm, version: .v3, layout: layout, neededSPICount: 960)
        let before = kernel.withState { $0.kvm.attributes.count }
        try controller.makeLevelTriggered([2, 20, 3].map { GSI(rawValue: $0) })
        #expect(
            kernel.withState { Array($0.kvm.attributes.dropFirst(before)) } == [
                .init(1, 0xC08, .word(0xAAAA_AA0A)), .init(1, 0xC0C, .word(0xAAAA_A8AA)),
            ])
    }

    @Test func `without a level triggered line nothing is written`() throws {
        let controller = try InterruptController(vm, version: .v3, layout: layout, neededSPICount: 960)
        let before = kernel.journal.count
        try controller.makeLevelTriggered([])
        #expect(kernel.journal.count == before)
    }

    @Test func `a refused configuration is named`() throws {
        let controller = try InterruptController(vm, version: .v2, layout: layout, neededSPICount: 960)
        kernel.withState { state in
            state.failingCall = state.callCount + 1
            state.failure = .resourceBusy
        }
        let error = #expect(throws: KVMError.self) { try controller.makeLevelTriggered([GSI(rawValue: 2)]) }
        #expect(error == .call("KVM_DEV_ARM_VGIC_GRP_DIST_REGS", errno: .resourceBusy))
    }

    /// arm-vgic-v3.rst, KVM_DEV_ARM_VGIC_GRP_NR_IRQS: 64 to 1024 in steps of 32; 1023 and above are special or taken.
    /// The 32 that are private to a vCPU count.
    @Test(
        arguments: [
            (0, 96), (2, 96), (64, 96), (65, 128), (96, 128), (97, 160), (959, 992), (960, 992), (.max, 992),
        ] as [(UInt32, UInt32)])
    func `there are as many interrupts as are needed and KVM takes`(needed: UInt32, identifiers: UInt32) throws {
        for version in [InterruptController.Version.v2, .v3] {
            let controller = try InterruptController(vm, version: version, layout: layout, neededSPICount: needed)
            withExtendedLifetime(controller) {
                #expect(
                    kernel.withState { $0.kvm.attributes.last { $0.group == 3 } } == .init(3, 0, .word(identifiers)))
            }
        }
        #expect(identifiers % 32 == 0 && (64...1023).contains(identifiers))
    }

    @Test(arguments: [
        (1, "KVM_CREATE_DEVICE(vGIC3)"), (2, "KVM_DEV_ARM_VGIC_GRP_NR_IRQS"), (3, "KVM_DEV_ARM_VGIC_GRP_ADDR"),
        (4, "KVM_DEV_ARM_VGIC_GRP_ADDR"), (5, "KVM_DEV_ARM_VGIC_CTRL_INIT"),
    ])
    func `a step that fails is named and nothing is left`(call: Int, name: String) {
        let held = kernel.held
        kernel.withState { state in
            state.failingCall = state.callCount + call
            state.failure = .noSuchAddressOrDevice
        }
        let error = #expect(throws: KVMError.self) {
            try InterruptController(vm, version: .v3, layout: layout, neededSPICount: 960)
        }
        #expect(error == .call(name, errno: .noSuchAddressOrDevice))
        #expect(kernel.held == held)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import KVM

/// Each part of a VM, where it alone keeps what it stands on: it goes first, then what is older.
@Suite struct ReleaseOrderTests {
    enum Part: CaseIterable, Sendable { case vm, vcpu, interruptController, vfioLink, slot, route, ioEvent }

    /// The part has the only share of the VM, also while it is made.
    private func make(_ part: Part, _ kernel: FakeKernel) throws -> AnyObject {
        func vm() throws -> VirtualMachine {
            try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        }
        switch part {
        case .vm: return try vm()
        case .vcpu: return try VirtualCPU(try vm(), index: 0)
        case .interruptController:
            return try InterruptController(
                try vm(), version: .v3, layout: .init(distributor: 0x800_0000, secondFrame: 0x80A_0000),
                neededSPICount: 64)
        case .vfioLink: return try VFIOLink(try vm())
        case .slot:
            return try MemorySlot(try vm(), at: 0, mapping: try MemoryMapping(of: 0, size: 0x1000, system: kernel))
        case .route:
            return try InterruptRoute(
                try vm(), gsi: GSI(rawValue: 3), trigger: try EventDescriptor(of: kernel),
                resample: try EventDescriptor(of: kernel))
        case .ioEvent:
            return try IOEvent(try vm(), address: 0x1000, length: 4, event: try EventDescriptor(of: kernel))
        }
    }

    @Test(arguments: Part.allCases) func `goes before what it stands on`(part: Part) throws {
        let kernel = fakeKVM()
        var object: AnyObject? = try make(part, kernel)
        withExtendedLifetime(object) { #expect(kernel.held.starts(with: ["open /dev/kvm", "KVM_CREATE_VM"])) }
        object = nil
        #expect(kernel.held.isEmpty)
        #expect(kernel.disorder == nil, "\(kernel.journal)")
    }

    @Test(arguments: Part.allCases) func `a part that fails goes before what it stands on`(part: Part) throws {
        var number = 0
        while true {
            number += 1
            let kernel = fakeKVM()
            kernel.withState { $0.failingCall = number }
            do { _ = try make(part, kernel) } catch {}
            guard let call = kernel.withState({ $0.failedCall }) else { break }
            #expect(kernel.held.isEmpty, "\(call)")
            #expect(kernel.disorder == nil, "\(call): \(kernel.journal)")
        }
        #expect(number > 3)
    }

    /// What is left over is unmapped once the guest can't see it any more.
    @Test func `memory that stays with the VM goes between the VM and the hypervisor`() throws {
        let kernel = fakeKVM()
        do {
            let slot = try make(.slot, kernel)
            kernel.withState { $0.kvm.refusedRemovals = 1 }
            withExtendedLifetime(slot) {}
        }
        #expect(
            kernel.calls("").filter { $0.hasPrefix("- ") }.suffix(3) == [
                "- KVM_CREATE_VM", "- mmap ?", "- open /dev/kvm",
            ])
    }

    @Test func `a route's newer eventfd goes first`() throws {
        let kernel = fakeKVM()
        do {
            let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
            let trigger = try EventDescriptor(of: kernel)
            let resample = try EventDescriptor(of: kernel)
            kernel.withState { state in
                state.descriptors[trigger.rawValue] = "trigger"
                state.descriptors[resample.rawValue] = "resample"
            }
            var route: InterruptRoute? = try InterruptRoute(
                vm, gsi: GSI(rawValue: 3), trigger: trigger, resample: resample)
            _ = (consume trigger, consume resample)
            withExtendedLifetime(route) {}
            route = nil
            withExtendedLifetime(vm) {}
        }
        let order = ["- KVM_IRQFD 3", "- resample", "- trigger", "- KVM_CREATE_VM"]
        #expect(kernel.calls("").filter { $0.hasPrefix("- ") }.filter(order.contains) == order)
    }
}

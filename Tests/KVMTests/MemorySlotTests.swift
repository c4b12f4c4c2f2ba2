// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import KVM

@Suite struct MemorySlotTests {
    private let kernel = fakeKVM()
    private let vm: VirtualMachine
    private let mapping: MemoryMapping

    init() throws {
        vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        mapping = try MemoryMapping(of: 0, size: 0x1000, system: kernel)
    }

    private var slots: [UInt32: UInt64] { kernel.withState { $0.kvm.memoryRegions.mapValues { $0.guestAddress } } }

    @Test func `each slot has a number of its own which is used again`() throws {
        let first = try MemorySlot(vm, at: 0x1000, mapping: mapping)
        var second: MemorySlot? = try MemorySlot(vm, at: 0x2000, mapping: mapping)
        let third = try MemorySlot(vm, at: 0x3000, mapping: mapping)
        #expect(slots == [0: 0x1000, 1: 0x2000, 2: 0x3000])
        withExtendedLifetime(second) {}
        second = nil
        #expect(slots == [0: 0x1000, 2: 0x3000])
        let fourth = try MemorySlot(vm, at: 0x4000, mapping: mapping)
        #expect(slots == [0: 0x1000, 1: 0x4000, 2: 0x3000])
        withExtendedLifetime([first, third, fourth]) {}
    }

    @Test func `a refused slot gives its number back`() throws {
        let first = try MemorySlot(vm, at: 0x1000, mapping: mapping)
        let error = #expect(throws: KVMError.self) { try MemorySlot(vm, at: 0x1000, mapping: mapping) }
        #expect(error == .memorySlot(guestAddress: 0x1000, size: 0x1000, errno: .fileExists))
        #expect(kernel.calls("KVM_SET_USER_MEMORY_REGION") == ["+ KVM_SET_USER_MEMORY_REGION 0"])
        let second = try MemorySlot(vm, at: 0x2000, mapping: mapping)
        #expect(slots == [0: 0x1000, 1: 0x2000])
        withExtendedLifetime([first, second]) {}
    }

    @Test func `a removed slot is gone once`() throws {
        let slot = try MemorySlot(vm, at: 0x1000, mapping: mapping)
        try slot.remove()
        #expect(slots == [:])
        let other = try MemorySlot(vm, at: 0x2000, mapping: mapping)
        try slot.remove()
        #expect(slots == [0: 0x2000])
        withExtendedLifetime([slot, other]) {}
    }

    /// The kernel allocates to remove a slot.
    @Test func `a refused removal is an error and can be tried again`() throws {
        let slot = try MemorySlot(vm, at: 0x1000, mapping: mapping)
        kernel.withState { $0.kvm.refusedRemovals = 1 }
        let error = #expect(throws: KVMError.self) { try slot.remove() }
        #expect(error == .memorySlotRemoval(guestAddress: 0x1000, errno: .noMemory))
        let other = try MemorySlot(vm, at: 0x2000, mapping: mapping)
        #expect(slots == [0: 0x1000, 1: 0x2000])
        try slot.remove()
        #expect(slots == [1: 0x2000])
        withExtendedLifetime([slot, other]) {}
    }

    /// Memory that the guest still sees must not be unmapped: something else may be mapped there next.
    @Test func `what cannot be removed stays mapped until the VM is gone`() throws {
        let kernel = fakeKVM()
        do {
            let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
            do {
                let slot = try MemorySlot(vm, at: 0, mapping: try MemoryMapping(of: 0, size: 0x1000, system: kernel))
                kernel.withState { $0.kvm.refusedRemovals = 1 }
                withExtendedLifetime(slot) {}
            }
            #expect(kernel.held.contains("mmap ?"))
            let next = try MemorySlot(
                vm, at: 0x1000, mapping: try MemoryMapping(of: 0, size: 0x1000, system: kernel))
            #expect(kernel.withState { $0.kvm.memoryRegions.keys.sorted() } == [0, 1])
            withExtendedLifetime((vm, next)) {}
        }
        let journal = kernel.calls("")
        let closed = try #require(journal.firstIndex(of: "- KVM_CREATE_VM"))
        #expect(journal[closed...].contains("- mmap ?"))
        #expect(kernel.held == ["KVM_SET_USER_MEMORY_REGION 0"])
    }

    @Test func `a slot keeps its memory mapped`() throws {
        let kernel = fakeKVM()
        do {
            let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
            let slot = try MemorySlot(vm, at: 0, mapping: try MemoryMapping(of: 0, size: 0x1000, system: kernel))
            withExtendedLifetime(slot) { #expect(kernel.held.contains("mmap ?")) }
        }
        #expect(kernel.held.isEmpty)
        #expect(
            kernel.calls("").suffix(4) == [
                "- KVM_SET_USER_MEMORY_REGION 0", "- mmap ?", "- KVM_CREATE_VM", "- open /dev/kvm",
            ])
    }
}

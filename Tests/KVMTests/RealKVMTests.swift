// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

@testable import KVM

#if arch(x86_64)
/// The generic half on this machine's own /dev/kvm.
@Suite(.enabled(if: access("/dev/kvm", R_OK | W_OK) == 0, "this machine has no /dev/kvm that this user may open"))
struct RealKVMTests {
    private typealias Guest = RealModeGuest

    /// Where the payloads' accesses go.
    private func address(_ offset: UInt64) -> UInt64 { Guest.deviceBase + offset }

    @Test func `a KVM without PSCI is refused for an ARM guest`() {
        #expect(throws: KVMError.missingCapability("KVM_CAP_ARM_PSCI_0_2")) { try Hypervisor(calls: LinuxKernel()) }
    }

    @Test func `has limits`() throws {
        let hypervisor = try Hypervisor(calls: LinuxKernel(), requiring: .generic)
        #expect(try hypervisor.maximumVCPUCount() >= 1)
        // The capability is arm64's alone.
        #expect(try hypervisor.maximumAddressBits() == 40)
    }

    @Test func `a payloads accesses exit with what it did`() throws {
        let guest = try Guest(
            code: Guest.selectDevice + Guest.writeByte(0x5A, at: 0x10)
                // mov ax, [0x20]; mov [0x30], ax
                + [0xA1, 0x20, 0x00, 0xA3, 0x30, 0x00] + Guest.halt)
        #expect(try guest.run() == .mmioWrite(address: address(0x10), length: 1, value: 0x5A))
        #expect(try guest.run() == .mmioRead(address: address(0x20), length: 2))
        guest.vcpu.complete(read: 0xFFFF_FFFF_FFFF_BEEF)
        #expect(try guest.run() == .mmioWrite(address: address(0x30), length: 2, value: 0xBEEF))
        // KVM_EXIT_HLT
        #expect(try guest.run() == .unknown(reason: 5, detail: 0))
    }

    @Test func `an immediate exit keeps the guest out`() throws {
        let guest = try Guest(code: Guest.halt)
        guest.vcpu.setImmediateExit(true)
        #expect(try guest.run() == .interrupted)
        guest.vcpu.setImmediateExit(false)
        #expect(try guest.run() == .unknown(reason: 5, detail: 0))
    }

    @Test func `a kick takes the guest out`() throws {
        // jmp to itself
        let guest = try Guest(code: [0xEB, 0xFE])
        try SystemThread.installKickHandler()
        let vcpu = guest.vcpu
        let thread = try SystemThread(name: "vcpu0") {
            let exit = try? vcpu.run()
            #expect(exit == .interrupted)
        }
        usleep(50_000)
        vcpu.setImmediateExit(true)
        thread.kick()
        thread.join()
        withExtendedLifetime(guest) {}
    }

    @Test func `slots must not overlap and can be set again`() throws {
        let guest = try Guest(code: Guest.halt)
        let kernel = LinuxKernel()
        let file = OwnedDescriptor(adopting: try kernel.createMemory(name: "more", size: 0x2000), of: kernel)
        let mapping = try MemoryMapping(of: file.rawValue, size: 0x2000, system: kernel)
        #expect(throws: KVMError.memorySlot(guestAddress: 0xF000, size: 0x2000, errno: .fileExists)) {
            try MemorySlot(guest.vm, at: 0xF000, mapping: mapping)
        }
        #expect(throws: KVMError.memorySlot(guestAddress: 0x20001, size: 0x2000, errno: .invalidArgument)) {
            try MemorySlot(guest.vm, at: 0x20001, mapping: mapping)
        }
        for _ in 0..<3 {
            let slot = try MemorySlot(guest.vm, at: 0x20000, mapping: mapping)
            withExtendedLifetime(slot) {}
        }
    }

    @Test func `memory can be put where the guest had exited`() throws {
        let guest = try Guest(
            code: Guest.selectDevice + Guest.writeByte(1, at: 0x10) + Guest.writeByte(2, at: 0x11) + Guest.halt)
        #expect(try guest.run() == .mmioWrite(address: address(0x10), length: 1, value: 1))
        let kernel = LinuxKernel()
        let file = OwnedDescriptor(adopting: try kernel.createMemory(name: "region", size: 0x1000), of: kernel)
        let mapping = try MemoryMapping(of: file.rawValue, size: 0x1000, system: kernel)
        let slot = try MemorySlot(guest.vm, at: Guest.deviceBase, mapping: mapping)
        #expect(try guest.run() == .unknown(reason: 5, detail: 0))
        #expect(mapping.bytes(at: 0x10, count: 2).map(Array.init) == [0, 2])
        withExtendedLifetime(slot) {}
    }

    @Test func `a VCPU index can be used once`() throws {
        let guest = try Guest(code: Guest.halt)
        #expect(throws: KVMError.call("KVM_CREATE_VCPU(0)", errno: .fileExists)) {
            try VirtualCPU(guest.vm, index: 0)
        }
    }

    // MARK: ioeventfd

    @Test func `an IO event takes the write and the guest goes on`() throws {
        let guest = try Guest(
            code: Guest.selectDevice + Guest.writeByte(7, at: 0x40) + Guest.writeByte(8, at: 0x40)
                + Guest.writeByte(7, at: 0x40) + Guest.halt)
        let event = try EventDescriptor(of: LinuxKernel())
        var io: IOEvent? = try IOEvent(guest.vm, address: address(0x40), length: 1, match: 7, event: event)
        // The first write matches: no exit. The second doesn't.
        #expect(try guest.run() == .mmioWrite(address: address(0x40), length: 1, value: 8))
        #expect(event.take() == 1)
        #expect(throws: KVMError.ioeventfd(address: address(0x40), errno: .fileExists)) {
            try IOEvent(guest.vm, address: address(0x40), length: 1, match: 7, event: event)
        }
        withExtendedLifetime(io) {}
        io = nil
        // It is gone: the third write exits though it matches.
        #expect(try guest.run() == .mmioWrite(address: address(0x40), length: 1, value: 7))
        #expect(event.take() == 0)
    }

    @Test func `an IO event without match takes every write of its length`() throws {
        let guest = try Guest(
            code: Guest.selectDevice + Guest.writeByte(7, at: 0x40) + Guest.writeByte(8, at: 0x40) + Guest.halt)
        let event = try EventDescriptor(of: LinuxKernel())
        let io = try IOEvent(guest.vm, address: address(0x40), length: 1, event: event)
        #expect(try guest.run() == .unknown(reason: 5, detail: 0))
        #expect(event.take() == 2)
        withExtendedLifetime(io) {}
        #expect(throws: KVMError.ioeventfd(address: 0x1000, errno: .invalidArgument)) {
            try IOEvent(guest.vm, address: 0x1000, length: 3, event: event)
        }
    }

    // MARK: irqfd

    @Test func `a signalled trigger interrupts the guest`() throws {
        let guest = try Guest(
            code: Guest.setUpPIC + Guest.selectDevice + Guest.writeByte(1, at: 0x50) + Guest.waitForInterrupts,
            // The handler tells of itself, ends the interrupt (OCW2) and returns.
            handler: Guest.writeByte(2, at: 0x50) + Guest.output(0x20, to: 0x20) + [0xCF],
            hasInterruptController: true)
        let trigger = try EventDescriptor(of: LinuxKernel())
        var route: InterruptRoute? = try InterruptRoute(guest.vm, gsi: GSI(rawValue: 4), trigger: trigger)
        #expect(try guest.run() == .mmioWrite(address: address(0x50), length: 1, value: 1))
        for _ in 0..<3 {
            trigger.signal()
            #expect(try guest.run() == .mmioWrite(address: address(0x50), length: 1, value: 2))
        }
        #expect(throws: KVMError.irqfd(gsi: GSI(rawValue: 4), errno: .resourceBusy)) {
            try InterruptRoute(guest.vm, gsi: GSI(rawValue: 4), trigger: trigger)
        }
        withExtendedLifetime(route) {}
        route = nil
        // It is gone: nobody takes the event, and there is room for another route.
        trigger.signal()
        #expect(trigger.take() > 0)
        let again = try InterruptRoute(guest.vm, gsi: GSI(rawValue: 4), trigger: trigger)
        withExtendedLifetime(again) {}
    }

    @Test func `the end of a level interrupt signals the resample`() throws {
        let guest = try Guest(
            code: Guest.setUpPIC + Guest.selectDevice + Guest.writeByte(1, at: 0x50) + Guest.waitForInterrupts,
            handler: Guest.writeByte(2, at: 0x50) + Guest.output(0x20, to: 0x20) + Guest.writeByte(3, at: 0x50)
                + [0xCF],
            hasInterruptController: true)
        let trigger = try EventDescriptor(of: LinuxKernel())
        let resample = try EventDescriptor(of: LinuxKernel())
        let route = try InterruptRoute(guest.vm, gsi: GSI(rawValue: 4), trigger: trigger, resample: resample)
        #expect(try guest.run() == .mmioWrite(address: address(0x50), length: 1, value: 1))
        trigger.signal()
        #expect(try guest.run() == .mmioWrite(address: address(0x50), length: 1, value: 2))
        #expect(resample.take() == 0)
        #expect(try guest.run() == .mmioWrite(address: address(0x50), length: 1, value: 3))
        #expect(resample.take() == 1)
        withExtendedLifetime(route) {}
    }
}
#else
@Suite(.disabled("real-mode payloads need an x86-64 machine; on arm64 IntegrationTests take their place"))
struct RealKVMTests {
    @Test func `a payloads accesses exit with what it did`() {}
}
#endif

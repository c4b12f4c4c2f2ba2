// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import LinuxSystem
internal import Synchronization

/// A virtual machine.
///
/// Memory slots, vCPUs and in-kernel devices belong to it and keep it alive.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.2 KVM_CREATE_VM
public final class VirtualMachine: Sendable {
    let hypervisor: Hypervisor
    /// Memory whose slots the kernel refused to remove. It has its own lock.
    private let leftovers = OwnedList<MemoryMapping>()
    private let descriptor: OwnedDescriptor
    /// Numbers of memory slots that are in use. Guarded by its lock: regions may be mapped from any thread.
    private let slots = Mutex<[UInt32]>([])

    /// Whether vCPUs return `VCPUExit.noSyndrome` and accept an injected data abort.
    public let reportsMissingSyndromes: Bool

    var calls: any KVMCalls { hypervisor.calls }
    /// The system calls of its kernel, for descriptors that belong to the VM.
    public var system: any SystemCalls { calls }
    var rawDescriptor: CInt { descriptor.rawValue }

    /// - Parameter addressBits: the width of the guest-physical address space, from the highest address used.
    /// - Throws: `KVMError.addressBits` when the host offers fewer.
    public init(_ hypervisor: Hypervisor, addressBits: Int) throws(KVMError) {
        let type = try hypervisor.machineType(addressBits: addressBits)
        self.hypervisor = hypervisor
        descriptor = OwnedDescriptor(
            adopting: try hypervisor.call("KVM_CREATE_VM") { (kvm) throws(Errno) in
                try hypervisor.calls.createVM(kvm: kvm, type: type)
            },
            of: hypervisor.calls)
        do throws(KVMError) {
            reportsMissingSyndromes = try Self.enableMissingSyndromes(hypervisor, descriptor)
        } catch {
            descriptor.close()
            throw error
        }
    }

    /// Closes the VM before it releases the leftovers, which the guest sees until then. The share of the hypervisor
    /// goes last.
    deinit {
        descriptor.close()
        leftovers.releaseAll()
    }

    /// Enables `VCPUExit.noSyndrome`. Hosts before Linux 5.5 don't have it: there such an access ends the guest.
    ///
    /// - SeeAlso: Documentation/virt/kvm/api.rst, 5. The kvm_run structure, KVM_EXIT_ARM_NISV
    private static func enableMissingSyndromes(_ hypervisor: Hypervisor, _ vm: borrowing OwnedDescriptor)
        throws(KVMError) -> Bool
    {
        guard try hypervisor.value(of: UInt32(KVM_CAP_ARM_NISV_TO_USER)) > 0,
            try hypervisor.value(of: UInt32(KVM_CAP_ARM_INJECT_EXT_DABT)) > 0
        else { return false }
        do {
            try hypervisor.calls.enableCapability(UInt32(KVM_CAP_ARM_NISV_TO_USER), of: vm.rawValue)
            return true
        } catch { return false }
    }

    /// Raises or lowers the line of a shared peripheral interrupt.
    ///
    /// - SeeAlso: Documentation/virt/kvm/api.rst, 4.25 KVM_IRQ_LINE: bits 27:24 are 1 for an SPI, 15:0 its intid.
    public func setInterruptLine(_ gsi: GSI, high: Bool) throws(KVMError) {
        let (intid, overflow) = gsi.rawValue.addingReportingOverflow(32)
        try call("KVM_IRQ_LINE") { (vm) throws(Errno) in
            guard !overflow, intid <= 0xFFFF else { throw .invalidArgument }
            try calls.setIRQLine(vm: vm, irq: 1 << 24 | intid, high: high)
        }
    }

    func takeSlot() -> UInt32 {
        slots.withLock { slots in
            var number: UInt32 = 0
            while slots.contains(number) { number += 1 }
            slots.append(number)
            return number
        }
    }

    func returnSlot(_ number: UInt32) { slots.withLock { $0.removeAll { $0 == number } } }

    /// Keeps memory that the guest still sees until the VM is closed.
    func keep(_ mapping: MemoryMapping) { leftovers.append(mapping) }

    func call<Result>(_ name: String, _ body: (CInt) throws(Errno) -> Result) throws(KVMError) -> Result {
        try mapError({ KVMError.call(name, errno: $0) }, try body(rawDescriptor))
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import LinuxSystem
internal import Synchronization

/// A virtual machine: memory slots, vCPUs and in-kernel devices hang off it and keep it alive.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.2 KVM_CREATE_VM
public final class VirtualMachine: Sendable {
    let hypervisor: Hypervisor
    /// Memory whose slots the kernel would not remove. It guards itself.
    private let leftovers = OwnedList<MemoryMapping>()
    private let descriptor: OwnedDescriptor
    /// Numbers of memory slots that are in use. Guarded by its lock: regions may be mapped from any thread.
    private let slots = Mutex<[UInt32]>([])

    /// Whether vCPUs come back with `VCPUExit.noSyndrome`, and can be given a data abort.
    public let reportsMissingSyndromes: Bool

    var calls: any KVMCalls { hypervisor.calls }
    /// The kernel that it runs on, for descriptors that go with it.
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

    /// The guest may see what is left over until the VM is closed. The share of the hypervisor goes last.
    deinit {
        descriptor.close()
        leftovers.releaseAll()
    }

    /// Hosts before Linux 5.5 can't: there such an access ends the guest.
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

    /// Keeps memory that the guest still sees, for as long as there is the VM.
    func keep(_ mapping: MemoryMapping) { leftovers.append(mapping) }

    func call<Result>(_ name: String, _ body: (CInt) throws(Errno) -> Result) throws(KVMError) -> Result {
        try mapError({ KVMError.call(name, errno: $0) }, try body(rawDescriptor))
    }
}

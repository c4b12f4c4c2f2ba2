// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A KVM irqfd: the kernel raises `gsi` when `trigger` is signalled, with no exit to user space.
///
/// For a level-triggered line pass `resample`: at the guest's end of interrupt the kernel lowers the line and signals
/// `resample`.
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.75 KVM_IRQFD
public final class InterruptRoute: Sendable {
    /// The interrupt that is raised.
    public let gsi: GSI
    private let vm: VirtualMachine
    private let trigger: Share<EventDescriptor>
    private let triggerNumber: CInt
    private let resample: Share<EventDescriptor>
    private let isSet: Bool

    /// - Throws: `KVMError.irqfd` with the errno: EINVAL when the GSI has no route, EBUSY when `trigger` has one
    ///   already.
    public init(
        _ vm: VirtualMachine, gsi: GSI, trigger: EventDescriptor, resample: EventDescriptor? = nil
    ) throws(KVMError) {
        self.gsi = gsi
        self.vm = vm
        self.trigger = Share(trigger)
        triggerNumber = trigger.rawValue
        self.resample = Share(resample)
        do {
            try vm.calls.assignIRQFD(
                vm: vm.rawDescriptor, gsi: gsi.rawValue, trigger: trigger.rawValue, resample: resample?.rawValue)
        } catch {
            isSet = false
            throw .irqfd(gsi: gsi, errno: error)
        }
        isSet = true
    }

    /// Removes the route first, then closes its eventfds, then releases the share of the VM.
    deinit {
        if isSet { vm.calls.deassignIRQFD(vm: vm.rawDescriptor, gsi: gsi.rawValue, trigger: triggerNumber) }
        resample.release()
        trigger.release()
    }
}

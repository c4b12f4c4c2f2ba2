// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A KVM ioeventfd: a guest's write to an address signals `event`, with no exit to user space.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.59 KVM_IOEVENTFD
public final class IOEvent: Sendable {
    private let vm: VirtualMachine
    private let address: UInt64
    private let length: UInt32
    private let match: UInt64?
    private let event: Share<EventDescriptor>
    private let eventNumber: CInt
    private let isSet: Bool

    /// - Parameters:
    ///   - length: the width of the write in bytes: 1, 2, 4 or 8.
    ///   - match: the only value that signals; nil for any value.
    /// - Throws: `KVMError.ioeventfd`: EEXIST when the same write has an eventfd already, EINVAL for another length.
    public init(
        _ vm: VirtualMachine, address: UInt64, length: UInt32, match: UInt64? = nil, event: EventDescriptor
    ) throws(KVMError) {
        self.vm = vm
        self.address = address
        self.length = length
        self.match = match
        self.event = Share(event)
        eventNumber = event.rawValue
        do {
            try vm.calls.assignIOEventFD(
                vm: vm.rawDescriptor, address: address, length: length, event: event.rawValue, match: match)
        } catch {
            isSet = false
            throw .ioeventfd(address: address, errno: error)
        }
        isSet = true
    }

    /// Removes the registration first, then closes the eventfd, then releases the share of the VM.
    deinit {
        if isSet {
            vm.calls.deassignIOEventFD(
                vm: vm.rawDescriptor, address: address, length: length, event: eventNumber, match: match)
        }
        event.release()
    }
}

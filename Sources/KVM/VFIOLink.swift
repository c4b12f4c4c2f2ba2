// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import LinuxSystem

/// Tells KVM which VFIO groups the VM uses.
///
/// The kernel then decides what depends on both, such as cache coherency of DMA.
///
/// - SeeAlso: Documentation/virt/kvm/devices/vfio.rst
public final class VFIOLink: Sendable {
    private let vm: VirtualMachine
    private let descriptor: OwnedDescriptor

    /// Creates the link; a VM has one.
    public init(_ vm: VirtualMachine) throws(KVMError) {
        self.vm = vm
        descriptor = OwnedDescriptor(
            adopting: try vm.call("KVM_CREATE_DEVICE(VFIO)") { (raw) throws(Errno) in
                try vm.calls.createDevice(vm: raw, type: KVM_DEV_TYPE_VFIO.rawValue)
            }, of: vm.calls)
    }

    /// Closed before its share of the VM is released.
    deinit { descriptor.close() }

    /// A group that is registered for as long as this object lives.
    ///
    /// The group's descriptor must outlive it.
    public final class Registration: Sendable {
        private let link: VFIOLink
        private let group: CInt
        private let isSet: Bool

        /// - Throws: `KVMError.vfioGroup`: EEXIST when the group is registered already.
        public init(_ link: VFIOLink, group: CInt) throws(KVMError) {
            self.link = link
            self.group = group
            do { try link.vm.calls.addVFIOGroup(device: link.descriptor.rawValue, group: group) } catch {
                isSet = false
                throw .vfioGroup(errno: error)
            }
            isSet = true
        }

        deinit {
            if isSet { link.vm.calls.removeVFIOGroup(device: link.descriptor.rawValue, group: group) }
        }
    }
}

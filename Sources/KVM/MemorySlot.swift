// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A piece of host memory, or of a device, that the guest sees at a guest-physical address without exits.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.35 KVM_SET_USER_MEMORY_REGION
public final class MemorySlot: Sendable {
    /// Where the guest sees it (IPA).
    public let guestAddress: UInt64
    private let number: UInt32
    /// Declared before the VM, so that it goes first: stored properties go in the order of declaration.
    private let mapping: MemoryMapping
    private let vm: VirtualMachine

    /// Address, part and size must be multiples of the host's page size.
    /// - Parameter part: the bytes of the mapping that the guest sees; all by default.
    /// - Throws: `KVMError.memorySlot`: EEXIST when it overlaps another slot, EINVAL when it is misaligned or outside
    ///   the VM's address space or the mapping.
    public init(
        _ vm: VirtualMachine, at guestAddress: UInt64, mapping: MemoryMapping, part: Range<UInt64>? = nil
    ) throws(KVMError) {
        let part = part ?? 0..<mapping.size
        let size = part.upperBound - part.lowerBound
        self.guestAddress = guestAddress
        self.vm = vm
        self.mapping = mapping
        number = vm.takeSlot()
        do throws(Errno) {
            guard part.upperBound <= mapping.size else { throw .invalidArgument }
            try vm.calls.setMemoryRegion(
                vm: vm.rawDescriptor, slot: number, guestAddress: guestAddress, size: size,
                hostAddress: mapping.address + UInt(part.lowerBound))
        } catch {
            vm.returnSlot(number)
            isSet = false
            throw .memorySlot(guestAddress: guestAddress, size: size, errno: error)
        }
        isSet = true
    }

    /// False only in the `deinit` after a failed `init`.
    private let isSet: Bool

    deinit {
        guard isSet else { return }
        do {
            try vm.calls.setMemoryRegion(
                vm: vm.rawDescriptor, slot: number, guestAddress: guestAddress, size: 0, hostAddress: mapping.address)
        } catch {}
        vm.returnSlot(number)
    }
}

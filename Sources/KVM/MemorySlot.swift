// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
internal import Synchronization

/// A range of host memory, or of a device's registers, that the guest accesses without exits.
///
/// `remove` takes it from the guest, and throws when the kernel refuses. The `deinit` does the same without an error.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.35 KVM_SET_USER_MEMORY_REGION
public final class MemorySlot: Sendable {
    /// Where the guest sees it (IPA).
    public let guestAddress: UInt64
    private let number: UInt32
    private let vm: VirtualMachine
    private let mapping: Share<MemoryMapping>
    private let hostAddress: UInt

    /// Maps `part` of the memory into the guest. Address, part and size must be multiples of the host's page size.
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
        self.mapping = Share(mapping)
        hostAddress = mapping.address
        number = vm.takeSlot()
        do throws(Errno) {
            guard part.upperBound <= mapping.size else { throw .invalidArgument }
            try vm.calls.setMemoryRegion(
                vm: vm.rawDescriptor, slot: number, guestAddress: guestAddress, size: size,
                hostAddress: mapping.address + UInt(part.lowerBound))
        } catch {
            vm.returnSlot(number)
            isSet = Atomic(false)
            throw .memorySlot(guestAddress: guestAddress, size: size, errno: error)
        }
        isSet = Atomic(true)
    }

    /// Whether the guest sees it: false after `remove`, and in the `deinit` after a failed `init`. Atomic, because the
    /// `deinit` may run on another thread than `remove`. The owner makes sure that only one thread calls `remove`.
    private let isSet: Atomic<Bool>

    /// Removes the slot from the guest, whose accesses trap from then on.
    ///
    /// A second call does nothing.
    /// - Throws: `KVMError.memorySlotRemoval`: ENOMEM, because the kernel allocates while it removes. The guest still
    ///   sees the memory; call it again.
    public func remove() throws(KVMError) {
        guard isSet.load(ordering: .acquiring) else { return }
        do throws(Errno) {
            try vm.calls.setMemoryRegion(
                vm: vm.rawDescriptor, slot: number, guestAddress: guestAddress, size: 0, hostAddress: hostAddress)
        } catch { throw .memorySlotRemoval(guestAddress: guestAddress, errno: error) }
        isSet.store(false, ordering: .releasing)
        vm.returnSlot(number)
    }

    /// When the kernel refuses the removal, the guest sees the memory until the VM is closed. The VM keeps the mapping
    /// until then; otherwise the guest would see what this process maps there next.
    ///
    /// Removes the slot first, then releases the memory, then the share of the VM.
    deinit {
        do { try remove() } catch { if let mapping = mapping.object { vm.keep(mapping) } }
        mapping.release()
    }
}

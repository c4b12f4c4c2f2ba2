// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// What KVM refused, on what, why, and what to do about it.
public enum KVMError: Error, Equatable, Sendable, CustomStringConvertible {
    case open(path: String, errno: Errno)
    /// The kernel has KVM, but /dev has no node for it.
    case hidden(path: String)
    case apiVersion(found: Int)
    case missingCapability(String)
    /// The guest-physical map needs more address bits than the host's KVM offers.
    case addressBits(needed: Int, limit: Int)
    case vcpuCount(wanted: Int, limit: Int)
    case memorySlot(guestAddress: UInt64, size: UInt64, errno: Errno)
    case memorySlotRemoval(guestAddress: UInt64, errno: Errno)
    case noInterruptController
    case irqfd(gsi: GSI, errno: Errno)
    case ioeventfd(address: UInt64, errno: Errno)
    case vfioGroup(errno: Errno)
    /// A vCPU can't be set up. EINVAL: some kernels allow only one kind of CPU for all vCPUs of a VM, and the thread
    /// ran on another kind.
    case vcpuInit(index: UInt32, errno: Errno)
    /// Any other ioctl or system call, by name.
    case call(String, errno: Errno)

    /// What failed, on what, why, and what to do.
    public var description: String {
        // One expression: each case is a text.
        switch self {
        case .open(let path, .noSuchFileOrDirectory):
            """
            \(path): ENOENT (no such device)
              the kernel has no KVM, or the firmware didn't start the kernel at EL2
              use a kernel with CONFIG_KVM=y, and look for the reason:
              run: dmesg | grep -i kvm
            """
        case .open(let path, .permissionDenied):
            """
            \(path): EACCES (permission denied)
              this user may not open it
              run: sudo usermod -aG kvm $USER, then log in again; or run martlet as root
            """
        case .open(let path, .notPermitted):
            """
            \(path): EPERM (operation not permitted)
              the control group of this process forbids it
              start the container with --device \(path)
            """
        case .hidden(let path):
            """
            \(path): ENOENT (no such device)
              the kernel has KVM, but this /dev lacks \(path) (a container?)
              start the container with --device \(path)
            """
        case .open(let path, let errno): "\(path): \(errno.explained)"
        case .apiVersion(let found):
            "/dev/kvm: KVM has API version \(found), and Martlet needs 12\n  update the host kernel"
        case .missingCapability(let name) where name.hasPrefix("KVM_CAP_ARM_"):
            """
            /dev/kvm: the host kernel lacks \(name), which arm64 guests need
              run martlet on an arm64 host
            """
        case .missingCapability(let name):
            """
            /dev/kvm: the host kernel lacks \(name), which Martlet needs
              update the host kernel
            """
        case .addressBits(let needed, let limit):
            """
            the guest's memory map needs \(needed) address bits, but this host's KVM offers \(limit)
              reduce machine-config.mem_size_mib
            """
        case .vcpuCount(let wanted, let limit):
            """
            machine-config.vcpu_count is \(wanted), but this host's KVM allows at most \(limit)
              reduce machine-config.vcpu_count
            """
        case .memorySlot(let address, let size, let errno):
            "KVM_SET_USER_MEMORY_REGION of \(size) bytes at \(hex(address)): \(errno.explained)"
        case .memorySlotRemoval(let address, let errno):
            "KVM_SET_USER_MEMORY_REGION (removal) at \(hex(address)): \(errno.explained)"
        case .noInterruptController:
            """
            /dev/kvm: KVM offers guests neither a GICv3 nor a GICv2
              KVM can't virtualize the interrupt controller of this host
            """
        case .irqfd(let gsi, .resourceBusy):
            "KVM_IRQFD for SPI \(gsi.rawValue): EBUSY (the eventfd is assigned already)"
        case .irqfd(let gsi, .invalidArgument):
            "KVM_IRQFD for SPI \(gsi.rawValue): EINVAL (the GSI has no route, or the kernel lacks resamplefd)"
        case .irqfd(let gsi, let errno): "KVM_IRQFD for SPI \(gsi.rawValue): \(errno.explained)"
        case .ioeventfd(let address, let errno): "KVM_IOEVENTFD at \(hex(address)): \(errno.explained)"
        case .vfioGroup(let errno): "KVM_DEV_VFIO_GROUP_ADD: \(errno.explained)"
        case .vcpuInit(let index, let errno): "KVM_ARM_VCPU_INIT of vcpu\(index): \(errno.explained)"
        case .call(let name, let errno): "\(name): \(errno.explained)"
        }
    }
}

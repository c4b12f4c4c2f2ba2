// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import KVM
public import LinuxSystem
public import PlatformBus
public import VFIO

/// Why a host device could not be given to the guest, and what to do about it.
public enum PassthroughError: Error, Sendable, CustomStringConvertible {
    case vfio(VFIOError)
    case bus(device: String, PlatformBusError)
    case kvm(device: String, KVMError)
    case deviceTree(device: String, DeviceTreeError)
    case call(device: String, String, errno: Errno)
    /// The configuration asks for an interrupt path that this release doesn't have.
    case irqfdRequired(device: String)
    /// The host booted without a device tree, so nothing describes the device to the guest.
    case noDeviceTreeNode(device: String)
    /// `guest_address: "host"`, but where the region is on the host can't be told.
    case noHostAddress(device: String, region: Int)

    public var description: String {
        switch self {
        case .vfio(let error): error.description
        case .bus(let device, let error): "\(device): \(error)"
        case .kvm(let device, let error): "\(device): \(error)"
        case .deviceTree(let device, let error): "\(device): \(error)"
        case .call(let device, let call, let errno): "\(device): \(call): \(errno.nameAndText)"
        case .irqfdRequired(let device):
            """
            \(device): irqfd is false, but this release has no other interrupt path
              leave irqfd out
            """
        case .noDeviceTreeNode(let device):
            """
            \(device): the host's device tree has no node for it
              the guest's driver could not find the device; this host was probably booted with ACPI
            """
        case .noHostAddress(let device, let region):
            """
            \(device): the host address of region \(region) is not known, so guest_address can't be "host"
              give guest_address as a number, or leave it out
            """
        }
    }
}

extension PassthroughError {
    /// Runs `body` and says that VFIO failed, which names the device itself.
    static func vfio<Result>(_ body: () throws(VFIOError) -> Result) throws(PassthroughError) -> Result {
        do { return try body() } catch { throw .vfio(error) }
    }

    /// Runs `body` and says for which device KVM failed.
    static func kvm<Result>(
        _ device: String, _ body: () throws(KVMError) -> Result
    ) throws(PassthroughError) -> Result {
        do { return try body() } catch { throw .kvm(device: device, error) }
    }
}

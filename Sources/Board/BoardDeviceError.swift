// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import KVM
public import LinuxSystem
public import PlatformBus

/// Why an emulated device can't be described or started.
public enum BoardDeviceError: Error, Sendable {
    /// Its address range already has a handler.
    case bus(PlatformBusError)
    /// Its node can't be created.
    case node(device: String, DeviceTreeError)
    /// A system call failed; `call` says which, and for what.
    case call(String, errno: Errno)
    /// KVM refused a request for the device.
    case kvm(KVMError)
}

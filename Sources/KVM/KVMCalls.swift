// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The ioctls of KVM, one method each.
///
/// `LinuxKernel` issues them; unit tests use a fake.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst
public protocol KVMCalls: SystemCalls {
    func apiVersion(kvm: CInt) throws(Errno) -> Int
    func createVM(kvm: CInt, type: UInt) throws(Errno) -> CInt
    func vcpuMappingSize(kvm: CInt) throws(Errno) -> UInt64
    /// The value of a KVM_CAP_*, 0 when the host lacks it.
    func capability(_ number: UInt32, of descriptor: CInt) throws(Errno) -> Int

    /// KVM_ENABLE_CAP without arguments.
    func enableCapability(_ number: UInt32, of vm: CInt) throws(Errno)

    /// Sets a memory slot; a `size` of 0 removes it.
    func setMemoryRegion(
        vm: CInt, slot: UInt32, guestAddress: UInt64, size: UInt64, hostAddress: UInt
    ) throws(Errno)
    func createVCPU(vm: CInt, index: UInt32) throws(Errno) -> CInt
    func assignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt, resample: CInt?) throws(Errno)
    func deassignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt)
    func assignIOEventFD(vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?) throws(Errno)
    func deassignIOEventFD(vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?)
    /// KVM_IRQ_LINE, with `irq` in its encoding.
    func setIRQLine(vm: CInt, irq: UInt32, high: Bool) throws(Errno)

    func createDevice(vm: CInt, type: UInt32) throws(Errno) -> CInt
    /// Whether `createDevice` could make one.
    func testDevice(vm: CInt, type: UInt32) throws(Errno)
    func setAttribute(device: CInt, group: UInt32, attribute: UInt64, value: DeviceAttribute) throws(Errno)
    /// KVM_DEV_VFIO_GROUP_ADD and _DEL.
    func addVFIOGroup(device: CInt, group: CInt) throws(Errno)
    func removeVFIOGroup(device: CInt, group: CInt)

    func initializeVCPU(vm: CInt, vcpu: CInt, poweredOff: Bool) throws(Errno)
    func register(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt64
    func setRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt64) throws(Errno)
    /// A register of 128 bits.
    func vectorRegister(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt128
    func setVectorRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt128) throws(Errno)
    /// KVM_SET_VCPU_EVENTS with `ext_dabt_pending`.
    func injectDataAbort(vcpu: CInt) throws(Errno)
    /// KVM_RUN. Unlike the others it isn't repeated after EINTR, because a signal is how a vCPU is stopped.
    func run(vcpu: CInt) throws(Errno)
}

/// The value that a KVM device's attribute points to.
public enum DeviceAttribute: Equatable, Sendable {
    case none
    case word(UInt32)
    case address(UInt64)
}

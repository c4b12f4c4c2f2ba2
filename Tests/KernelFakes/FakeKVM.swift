// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem

/// The fake's KVM half: what the host offers, and what was set.
public struct FakeKVMState {
    public var apiVersion = 12
    /// Values of KVM_CAP_*; anything that is not here is 1.
    public var capabilities: [UInt32: Int] = [:]
    /// Device types that the host refuses.
    public var refusedDevices: Set<UInt32> = []
    /// The greatest number of interrupt IDs that the vGIC accepts.
    public var interruptLimit: UInt32 = 992
    /// Registers that were set: descriptor and identifier.
    public var registers: [UInt64: UInt64] = [:]
    public var lines: [UInt32: Bool] = [:]
    public var memoryRegions: [UInt32: (guestAddress: UInt64, size: UInt64)] = [:]

    public init() {}
}

extension FakeKernel: KVMCalls {
    public func apiVersion(kvm: CInt) throws(Errno) -> Int {
        try note("KVM_GET_API_VERSION")
        return withState { $0.kvm.apiVersion }
    }

    public func createVM(kvm: CInt, type: UInt) throws(Errno) -> CInt {
        try acquireDescriptor("KVM_CREATE_VM")
    }

    public func vcpuMappingSize(kvm: CInt) throws(Errno) -> UInt64 {
        try note("KVM_GET_VCPU_MMAP_SIZE")
        return 8192
    }

    public func capability(_ number: UInt32, of descriptor: CInt) throws(Errno) -> Int {
        try step("KVM_CHECK_EXTENSION")
        return withState { $0.kvm.capabilities[number] ?? 1 }
    }

    public func setMemoryRegion(
        vm: CInt, slot: UInt32, guestAddress: UInt64, size: UInt64, hostAddress: UInt
    ) throws(Errno) {
        if size == 0 {
            release("KVM_SET_USER_MEMORY_REGION \(slot)")
            withState { $0.kvm.memoryRegions[slot] = nil }
        } else {
            try acquire("KVM_SET_USER_MEMORY_REGION \(slot)")
            withState { $0.kvm.memoryRegions[slot] = (guestAddress, size) }
        }
    }

    public func createVCPU(vm: CInt, index: UInt32) throws(Errno) -> CInt {
        try acquireDescriptor("KVM_CREATE_VCPU \(index)")
    }

    public func assignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt, resample: CInt?) throws(Errno) {
        try acquire("KVM_IRQFD \(gsi)")
    }

    public func deassignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt) { release("KVM_IRQFD \(gsi)") }

    public func assignIOEventFD(
        vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?
    ) throws(Errno) {
        try acquire("KVM_IOEVENTFD \(address)")
    }

    public func deassignIOEventFD(vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?) {
        release("KVM_IOEVENTFD \(address)")
    }

    public func setIRQLine(vm: CInt, irq: UInt32, high: Bool) throws(Errno) {
        try note("KVM_IRQ_LINE")
        withState { $0.kvm.lines[irq] = high }
    }

    public func createDevice(vm: CInt, type: UInt32) throws(Errno) -> CInt {
        if withState({ $0.kvm.refusedDevices.contains(type) }) { throw Errno(rawValue: 19) }
        return try acquireDescriptor("KVM_CREATE_DEVICE \(type)")
    }

    public func testDevice(vm: CInt, type: UInt32) throws(Errno) {
        try step("KVM_CREATE_DEVICE test \(type)")
        if withState({ $0.kvm.refusedDevices.contains(type) }) { throw Errno(rawValue: 19) }
    }

    public func setAttribute(
        device: CInt, group: UInt32, attribute: UInt64, value: DeviceAttribute
    ) throws(Errno) {
        try note("KVM_SET_DEVICE_ATTR \(group).\(attribute)")
        if group == 3, case .word(let count) = value, count > withState({ $0.kvm.interruptLimit }) {
            throw .invalidArgument
        }
    }

    public func addVFIOGroup(device: CInt, group: CInt) throws(Errno) {
        try acquire("KVM_DEV_VFIO_GROUP_ADD \(name(of: group))")
    }

    public func removeVFIOGroup(device: CInt, group: CInt) { release("KVM_DEV_VFIO_GROUP_ADD \(name(of: group))") }

    public func initializeVCPU(vm: CInt, vcpu: CInt, poweredOff: Bool) throws(Errno) {
        try note("KVM_ARM_VCPU_INIT\(poweredOff ? " powered off" : "")")
    }

    public func register(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt64 {
        try step("KVM_GET_ONE_REG")
        return withState { $0.kvm.registers[identifier] ?? 0 }
    }

    public func setRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt64) throws(Errno) {
        try note("KVM_SET_ONE_REG")
        withState { $0.kvm.registers[identifier] = value }
    }

    public func run(vcpu: CInt) throws(Errno) { throw .interrupted }
}

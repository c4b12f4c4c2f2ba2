// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import KVM
public import LinuxSystem

/// The fake's KVM state: the host's features, and the calls so far.
public struct FakeKVMState {
    public var apiVersion = 12
    /// Values of KVM_CAP_*; the default is 1.
    public var capabilities: [UInt32: Int] = [:]
    /// Device types that the host refuses.
    public var refusedDevices: Set<UInt32> = []
    /// The greatest number of interrupt IDs that the vGIC accepts.
    public var interruptLimit: UInt32 = 992
    /// Registers that were set, by the name of the vCPU's descriptor and the register's identifier.
    public var registers: [String: [UInt64: UInt64]] = [:]
    /// The same for registers of 128 bits.
    public var vectors: [String: [UInt64: UInt128]] = [:]
    /// Registers that the CPUs don't have: reading one gives ENOENT.
    public var missingRegisters: Set<UInt64> = []
    public var enabledCapabilities: Set<UInt32> = []
    /// How many data aborts were injected.
    public var dataAborts = 0
    /// The level of each line, by KVM_IRQ_LINE's encoding.
    public var lines: [UInt32: Bool] = [:]
    /// The machine type of each KVM_CREATE_VM.
    public var machineTypes: [UInt] = []
    /// Attributes of devices that were set, oldest first.
    public var attributes: [Attribute] = []
    /// The current irqfds, by GSI.
    public var irqfds: [UInt32: (trigger: CInt, resample: CInt?)] = [:]
    /// The current ioeventfds.
    public var ioeventfds: [IOEventFD] = []
    /// The results of each vCPU's KVM_RUN, by its index, oldest first. When none is left, KVM_RUN waits for
    /// immediate_exit.
    public var exits: [UInt32: [FakeExit]] = [:]
    /// How often KVM_RUN was called.
    public var runCount = 0
    /// The answers to the guest's MMIO reads, cut to their lengths.
    public var answers: [UInt64] = []
    /// vCPUs whose last exit was an MMIO read, with its length: KVM takes the answer at the next KVM_RUN.
    var pendingReads: [UInt32: UInt32] = [:]
    /// How many further removals of a memory region are refused with ENOMEM.
    public var refusedRemovals = 0
    public var memoryRegions: [UInt32: (guestAddress: UInt64, size: UInt64)] = [:]

    /// A KVM_SET_DEVICE_ATTR.
    public struct Attribute: Equatable, Sendable {
        public var group: UInt32
        public var attribute: UInt64
        public var value: DeviceAttribute

        public init(_ group: UInt32, _ attribute: UInt64, _ value: DeviceAttribute) {
            self.group = group
            self.attribute = attribute
            self.value = value
        }
    }

    /// A KVM_IOEVENTFD.
    public struct IOEventFD: Equatable, Sendable {
        public var address: UInt64
        public var length: UInt32
        public var match: UInt64?
        public var event: CInt
    }

    public init() {}
}

extension FakeKernel: KVMCalls {
    /// The name of a vCPU's descriptor, without the index.
    static let vcpuPrefix = "KVM_CREATE_VCPU "

    public func apiVersion(kvm: CInt) throws(Errno) -> Int {
        try note("KVM_GET_API_VERSION")
        return withState { $0.kvm.apiVersion }
    }

    public func createVM(kvm: CInt, type: UInt) throws(Errno) -> CInt {
        let descriptor = try acquireDescriptor("KVM_CREATE_VM")
        withState { $0.kvm.machineTypes.append(type) }
        return descriptor
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
            let isRefused = withState { state in
                guard state.kvm.refusedRemovals > 0 else { return false }
                state.kvm.refusedRemovals -= 1
                return true
            }
            if isRefused { throw .noMemory }
            release("KVM_SET_USER_MEMORY_REGION \(slot)")
            withState { $0.kvm.memoryRegions[slot] = nil }
        } else {
            let isTaken = withState { state in
                state.kvm.memoryRegions.values.contains {
                    guestAddress < $0.guestAddress + $0.size && $0.guestAddress < guestAddress + size
                }
            }
            if isTaken { throw .fileExists }
            try acquire("KVM_SET_USER_MEMORY_REGION \(slot)")
            withState { $0.kvm.memoryRegions[slot] = (guestAddress, size) }
        }
    }

    public func createVCPU(vm: CInt, index: UInt32) throws(Errno) -> CInt {
        try acquireDescriptor(Self.vcpuPrefix + "\(index)")
    }

    public func assignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt, resample: CInt?) throws(Errno) {
        try acquire("KVM_IRQFD \(gsi)")
        withState { $0.kvm.irqfds[gsi] = (trigger, resample) }
    }

    public func deassignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt) {
        let isKnown = withState { $0.kvm.irqfds.removeValue(forKey: gsi)?.trigger == trigger }
        release(isKnown ? "KVM_IRQFD \(gsi)" : "KVM_IRQFD of a stranger")
    }

    public func assignIOEventFD(
        vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?
    ) throws(Errno) {
        try acquire("KVM_IOEVENTFD \(address)")
        withState {
            $0.kvm.ioeventfds.append(.init(address: address, length: length, match: match, event: event))
        }
    }

    public func deassignIOEventFD(vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?) {
        let wanted = FakeKVMState.IOEventFD(address: address, length: length, match: match, event: event)
        let isKnown = withState { state in
            guard let index = state.kvm.ioeventfds.firstIndex(of: wanted) else { return false }
            state.kvm.ioeventfds.remove(at: index)
            return true
        }
        release(isKnown ? "KVM_IOEVENTFD \(address)" : "KVM_IOEVENTFD of a stranger")
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
        withState { $0.kvm.attributes.append(.init(group, attribute, value)) }
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
        withState { $0.affinitiesAtFirstVCPU = $0.affinitiesAtFirstVCPU ?? $0.affinities.count }
    }

    public func register(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt64 {
        try step("KVM_GET_ONE_REG")
        if withState({ $0.kvm.missingRegisters.contains(identifier) }) { throw .noSuchFileOrDirectory }
        let name = name(of: vcpu)
        return withState { $0.kvm.registers[name]?[identifier] ?? 0 }
    }

    public func setRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt64) throws(Errno) {
        try note("KVM_SET_ONE_REG")
        let name = name(of: vcpu)
        withState { $0.kvm.registers[name, default: [:]][identifier] = value }
    }
}

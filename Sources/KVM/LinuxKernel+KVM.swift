// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import LinuxSystem

/// The only file that issues KVM's ioctls.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel: KVMCalls {
    public func apiVersion(kvm: CInt) throws(Errno) -> Int { Int(try retrying { clinux_kvm_get_api_version(kvm) }) }

    public func createVM(kvm: CInt, type: UInt) throws(Errno) -> CInt {
        try retrying { clinux_kvm_create_vm(kvm, type) }
    }

    public func vcpuMappingSize(kvm: CInt) throws(Errno) -> UInt64 {
        UInt64(try retrying { clinux_kvm_get_vcpu_mmap_size(kvm) })
    }

    public func capability(_ number: UInt32, of descriptor: CInt) throws(Errno) -> Int {
        Int(try retrying { clinux_kvm_check_extension(descriptor, CInt(bitPattern: number)) })
    }

    public func enableCapability(_ number: UInt32, of vm: CInt) throws(Errno) {
        try retrying { clinux_kvm_enable_capability(vm, number) }
    }

    public func setMemoryRegion(
        vm: CInt, slot: UInt32, guestAddress: UInt64, size: UInt64, hostAddress: UInt
    ) throws(Errno) {
        try retrying {
            clinux_kvm_set_user_memory_region(vm, slot, 0, guestAddress, size, UInt64(hostAddress))
        }
    }

    public func createVCPU(vm: CInt, index: UInt32) throws(Errno) -> CInt {
        try retrying { clinux_kvm_create_vcpu(vm, UInt(index)) }
    }

    public func assignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt, resample: CInt?) throws(Errno) {
        let flags = IoctlWords.irqfd(resamples: resample != nil)
        try retrying { clinux_kvm_irqfd(vm, trigger, gsi, flags, resample ?? -1) }
    }

    public func deassignIRQFD(vm: CInt, gsi: UInt32, trigger: CInt) {
        _ = clinux_kvm_irqfd(vm, trigger, gsi, UInt32(KVM_IRQFD_FLAG_DEASSIGN), -1)
    }

    public func assignIOEventFD(
        vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?
    ) throws(Errno) {
        let flags = IoctlWords.ioeventfd(matches: match != nil, isRemoved: false)
        try retrying { clinux_kvm_ioeventfd(vm, address, length, event, flags, match ?? 0) }
    }

    public func deassignIOEventFD(vm: CInt, address: UInt64, length: UInt32, event: CInt, match: UInt64?) {
        let flags = IoctlWords.ioeventfd(matches: match != nil, isRemoved: true)
        _ = clinux_kvm_ioeventfd(vm, address, length, event, flags, match ?? 0)
    }

    public func setIRQLine(vm: CInt, irq: UInt32, high: Bool) throws(Errno) {
        try retrying { clinux_kvm_irq_line(vm, irq, high) }
    }

    public func createDevice(vm: CInt, type: UInt32) throws(Errno) -> CInt {
        try retrying { clinux_kvm_create_device(vm, type, 0) }
    }

    public func testDevice(vm: CInt, type: UInt32) throws(Errno) {
        try retrying { clinux_kvm_create_device(vm, type, UInt32(KVM_CREATE_DEVICE_TEST)) }
    }

    public func setAttribute(
        device: CInt, group: UInt32, attribute: UInt64, value: DeviceAttribute
    ) throws(Errno) {
        // Safety: the kernel reads the value during the call, while the local that holds it lives.
        switch value {
        case .none: try retrying { clinux_kvm_set_device_attribute(device, group, attribute, nil) }
        case .word(var word): try retrying { clinux_kvm_set_device_attribute(device, group, attribute, &word) }
        case .address(var address):
            try retrying { clinux_kvm_set_device_attribute(device, group, attribute, &address) }
        }
    }

    public func addVFIOGroup(device: CInt, group: CInt) throws(Errno) {
        try setAttribute(
            device: device, group: UInt32(KVM_DEV_VFIO_GROUP), attribute: UInt64(KVM_DEV_VFIO_GROUP_ADD),
            value: .word(UInt32(bitPattern: group)))
    }

    public func removeVFIOGroup(device: CInt, group: CInt) {
        var descriptor = group
        _ = clinux_kvm_set_device_attribute(
            device, UInt32(KVM_DEV_VFIO_GROUP), UInt64(KVM_DEV_VFIO_GROUP_DEL), &descriptor)
    }

    public func initializeVCPU(vm: CInt, vcpu: CInt, poweredOff: Bool) throws(Errno) {
        let features = IoctlWords.vcpuFeatures(poweredOff: poweredOff)
        try retrying { clinux_kvm_arm_vcpu_init(vm, vcpu, features) }
    }

    public func register(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt64 {
        var value: UInt64 = 0
        try retrying { clinux_kvm_get_one_reg(vcpu, identifier, &value) }
        return value
    }

    public func setRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt64) throws(Errno) {
        try retrying { clinux_kvm_set_one_reg(vcpu, identifier, value) }
    }

    public func vectorRegister(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt128 {
        var low: UInt64 = 0
        var high: UInt64 = 0
        try retrying { clinux_kvm_get_one_reg_128(vcpu, identifier, &low, &high) }
        return IoctlWords.register(low: low, high: high)
    }

    public func setVectorRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt128) throws(Errno) {
        let (low, high) = IoctlWords.halves(of: value)
        try retrying { clinux_kvm_set_one_reg_128(vcpu, identifier, low, high) }
    }

    public func injectDataAbort(vcpu: CInt) throws(Errno) {
        try retrying { clinux_kvm_arm_inject_data_abort(vcpu) }
    }

    public func run(vcpu: CInt) throws(Errno) { try check(clinux_kvm_run(vcpu)) }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import LinuxSystem

/// A vCPU.
///
/// Its owner runs it on one thread; only `setImmediateExit` may be called from another.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.7 KVM_CREATE_VCPU, 4.82 KVM_ARM_VCPU_INIT
public final class VirtualCPU: Sendable {
    /// 0 for the boot CPU.
    public let index: UInt32
    private let vm: VirtualMachine
    private let calls: any KVMCalls
    private let descriptor: OwnedDescriptor
    private let state: Share<MemoryMapping>
    private let stateAddress: UInt
    var rawDescriptor: CInt { descriptor.rawValue }

    /// - Throws: `KVMError.call`: EEXIST for an index in use, EINVAL for one over the host's limit.
    public init(_ vm: VirtualMachine, index: UInt32) throws(KVMError) {
        let calls = vm.calls
        self.index = index
        self.vm = vm
        self.calls = calls
        descriptor = OwnedDescriptor(
            adopting: try vm.call("KVM_CREATE_VCPU(\(index))") { (vm) throws(Errno) in
                try calls.createVCPU(vm: vm, index: index)
            },
            of: calls)
        let mapping: MemoryMapping
        do throws(KVMError) { mapping = try Self.mapState(of: descriptor.rawValue, index, vm) } catch {
            descriptor.close()
            throw error
        }
        stateAddress = mapping.address
        state = Share(mapping)
    }

    private static func mapState(
        of descriptor: CInt, _ index: UInt32, _ vm: VirtualMachine
    ) throws(KVMError) -> MemoryMapping {
        let size = try vm.hypervisor.call("KVM_GET_VCPU_MMAP_SIZE") { (kvm) throws(Errno) in
            try vm.calls.vcpuMappingSize(kvm: kvm)
        }
        return try mapError(
            { KVMError.call("mmap of vCPU \(index)", errno: $0) },
            try MemoryMapping(of: descriptor, size: size, system: vm.calls))
    }

    /// Closed before its share of the VM is released.
    deinit {
        state.release()
        descriptor.close()
    }

    // Safety: the mapping has at least a page, as struct kvm_run does, and `state` keeps it for as long as self lives.
    private var sharedState: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: stateAddress).unsafelyUnwrapped
    }

    /// Puts the vCPU into its reset state: EL1h, MMU off, interrupts masked, PSCI 1.x by HVC.
    /// - Parameter poweredOff: whether it waits for PSCI CPU_ON, as every vCPU except the boot CPU does.
    /// - Throws: `KVMError.vcpuInit`.
    public func initialize(poweredOff: Bool) throws(KVMError) {
        try mapError(
            { KVMError.vcpuInit(index: index, errno: $0) },
            try vm.calls.initializeVCPU(vm: vm.rawDescriptor, vcpu: descriptor.rawValue, poweredOff: poweredOff))
    }

    /// Sets a register that the boot protocol fixes.
    public func set(_ register: CoreRegister, to value: UInt64) throws(KVMError) {
        try call("KVM_SET_ONE_REG(\(register))") { (vcpu) throws(Errno) in
            try vm.calls.setRegister(register.identifier, of: vcpu, to: value)
        }
    }

    /// Reads a register of a vCPU that isn't running.
    public func value(of register: CoreRegister) throws(KVMError) -> UInt64 {
        try call("KVM_GET_ONE_REG(\(register))") { (vcpu) throws(Errno) in
            try vm.calls.register(register.identifier, of: vcpu)
        }
    }

    /// Reads a system register of a vCPU that isn't running.
    /// - Throws: `KVMError.call` with ENOENT for one that the guest's CPU doesn't have.
    public func value(of register: SystemRegister) throws(KVMError) -> UInt64 {
        try call("KVM_GET_ONE_REG(\(register))") { (vcpu) throws(Errno) in
            try vm.calls.register(register.identifier, of: vcpu)
        }
    }

    /// Reads V0 to V31 of a vCPU that isn't running.
    public func vector(_ number: Int) throws(KVMError) -> UInt128 {
        try call("KVM_GET_ONE_REG(v\(number))") { (vcpu) throws(Errno) in
            try vm.calls.vectorRegister(clinux_kvm_arm_vector_register(UInt64(number)), of: vcpu)
        }
    }

    /// Sets V0 to V31 of a vCPU that isn't running.
    public func setVector(_ number: Int, to value: UInt128) throws(KVMError) {
        try call("KVM_SET_ONE_REG(v\(number))") { (vcpu) throws(Errno) in
            try vm.calls.setVectorRegister(clinux_kvm_arm_vector_register(UInt64(number)), of: vcpu, to: value)
        }
    }

    /// Answers `.noSyndrome` with a synchronous external data abort, which the guest takes at the next `run`.
    ///
    /// - SeeAlso: Documentation/virt/kvm/api.rst, 4.32 KVM_SET_VCPU_EVENTS
    public func injectDataAbort() throws(KVMError) {
        try call("KVM_SET_VCPU_EVENTS") { (vcpu) throws(Errno) in try vm.calls.injectDataAbort(vcpu: vcpu) }
    }

    /// Runs the guest until it needs user space.
    /// - Throws: `KVMError.call` for an error of KVM_RUN itself, such as ENOSYS for a trapped load or store of a form
    ///   that the hardware doesn't describe, on a host that can't report it as `.noSyndrome`.
    public func run() throws(KVMError) -> VCPUExit {
        do { try calls.run(vcpu: descriptor.rawValue) } catch {
            if error == .interrupted || error == .resourceTemporarilyUnavailable { return .interrupted }
            throw .call("KVM_RUN(vcpu\(index))", errno: error)
        }
        return exit()
    }

    private func exit() -> VCPUExit {
        let reason = clinux_kvm_run_exit_reason(sharedState)
        switch CInt(bitPattern: reason) {
        case KVM_EXIT_MMIO:
            let access = clinux_kvm_run_mmio(sharedState)
            return access.is_write
                ? .mmioWrite(address: access.address, length: access.length, value: access.value)
                : .mmioRead(address: access.address, length: access.length)
        case KVM_EXIT_ARM_NISV:
            let access = clinux_kvm_run_no_syndrome(sharedState)
            // Arm ARM, ESR_ELx, ISS encoding for an exception from a Data Abort: WnR is bit 6.
            return .noSyndrome(address: access.address, isWrite: access.syndrome & 1 << 6 != 0)
        case KVM_EXIT_SYSTEM_EVENT:
            let event = clinux_kvm_run_system_event(sharedState)
            switch CInt(bitPattern: event) {
            case KVM_SYSTEM_EVENT_SHUTDOWN: return .shutdown
            case KVM_SYSTEM_EVENT_RESET: return .reset
            case KVM_SYSTEM_EVENT_CRASH: return .crash
            default: return .unknown(reason: reason, detail: event)
            }
        case KVM_EXIT_INTR: return .interrupted
        case KVM_EXIT_FAIL_ENTRY: return .failedEntry(reason: clinux_kvm_run_fail_entry_reason(sharedState))
        case KVM_EXIT_INTERNAL_ERROR: return .internalError(suberror: clinux_kvm_run_internal_suberror(sharedState))
        default: return .unknown(reason: reason, detail: 0)
        }
    }

    /// Answers `.mmioRead`; the guest gets the low bytes of `value` at the next `run`.
    public func complete(read value: UInt64) { clinux_kvm_run_set_mmio_value(sharedState, value) }

    /// Makes the current or the next `run` return `.interrupted`.
    ///
    /// A thread that is already inside `run` also needs a signal.
    public func setImmediateExit(_ exit: Bool) { clinux_kvm_run_set_immediate_exit(sharedState, exit) }

    // The name is built only when it is needed: emulating one instruction makes a dozen calls.
    private func call<Result>(
        _ name: @autoclosure () -> String, _ body: (CInt) throws(Errno) -> Result
    ) throws(KVMError) -> Result {
        try mapError({ KVMError.call("\(name()) of vcpu\(index)", errno: $0) }, try body(descriptor.rawValue))
    }
}

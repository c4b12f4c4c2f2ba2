// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import LinuxSystem

/// An open /dev/kvm that passed the checks: API version 12 and every capability that Martlet needs.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.1 KVM_GET_API_VERSION, 4.4 KVM_CHECK_EXTENSION
public final class Hypervisor: Sendable {
    let calls: any KVMCalls
    let descriptor: OwnedDescriptor

    /// Opens `path` and checks it.
    /// - Parameter architecture: whether to require what an arm64 guest needs in addition to the generic capabilities;
    ///   tests of the generic half on another architecture pass `.generic`.
    /// - Throws: `KVMError.open`, `.hidden`, `.apiVersion` or `.missingCapability` for the first thing that is missing.
    public init(
        calls: any KVMCalls, path: String = "/dev/kvm", requiring architecture: Requirement = .arm64
    ) throws(KVMError) {
        self.calls = calls
        descriptor = OwnedDescriptor(
            adopting: try mapError({ Self.openError(path, $0, calls) }, try calls.open(path, .readWrite)),
            of: calls)
        let version = try call("KVM_GET_API_VERSION") { (kvm) throws(Errno) in try calls.apiVersion(kvm: kvm) }
        guard version == 12 else { throw .apiVersion(found: version) }
        for capability in Self.required where architecture == .arm64 || !capability.armOnly {
            guard try value(of: capability.number) > 0 else { throw .missingCapability(capability.name) }
        }
    }

    private static func openError(_ path: String, _ errno: Errno, _ calls: any KVMCalls) -> KVMError {
        // KVM registers its device file only after it has accepted the CPU (virt/kvm/kvm_main.c, kvm_init).
        if errno == .noSuchFileOrDirectory, (try? calls.isDirectory("/sys/class/misc/kvm")) == true {
            return .hidden(path: path)
        }
        return .open(path: path, errno: errno)
    }

    /// Which set of capabilities is checked.
    public enum Requirement: Sendable { case arm64, generic }

    private struct Capability {
        let number: UInt32
        let name: String
        var armOnly = false
    }

    // Computed, not stored: every user of the module would build a stored table at start-up.
    private static var required: [Capability] {
        [
            // First: without it, KVM is of another architecture, and no update helps.
            Capability(number: UInt32(KVM_CAP_ARM_PSCI_0_2), name: "KVM_CAP_ARM_PSCI_0_2", armOnly: true),
            Capability(number: UInt32(KVM_CAP_USER_MEMORY), name: "KVM_CAP_USER_MEMORY"),
            Capability(number: UInt32(KVM_CAP_IRQFD), name: "KVM_CAP_IRQFD"),
            Capability(number: UInt32(KVM_CAP_IRQFD_RESAMPLE), name: "KVM_CAP_IRQFD_RESAMPLE"),
            Capability(number: UInt32(KVM_CAP_IOEVENTFD), name: "KVM_CAP_IOEVENTFD"),
            Capability(number: UInt32(KVM_CAP_IMMEDIATE_EXIT), name: "KVM_CAP_IMMEDIATE_EXIT"),
            Capability(number: UInt32(KVM_CAP_ONE_REG), name: "KVM_CAP_ONE_REG", armOnly: true),
            Capability(number: UInt32(KVM_CAP_DEVICE_CTRL), name: "KVM_CAP_DEVICE_CTRL", armOnly: true),
        ]
    }

    /// How many vCPUs a VM can have at most.
    public func maximumVCPUCount() throws(KVMError) -> Int {
        max(try value(of: UInt32(KVM_CAP_MAX_VCPUS)), try value(of: UInt32(KVM_CAP_NR_VCPUS)))
    }

    /// How many guest-physical address bits a VM can have at most; 40 when the host doesn't tell.
    ///
    /// - SeeAlso: Documentation/virt/kvm/api.rst, 4.2 KVM_CREATE_VM
    public func maximumAddressBits() throws(KVMError) -> Int {
        let limit = try value(of: UInt32(KVM_CAP_ARM_VM_IPA_SIZE))
        return limit > 0 ? limit : 40
    }

    /// The machine type for KVM_CREATE_VM that gives `bits` guest-physical address bits.
    func machineType(addressBits bits: Int) throws(KVMError) -> UInt {
        let limit = try maximumAddressBits()
        guard bits <= limit else { throw .addressBits(needed: bits, limit: limit) }
        // 0 means 40 bits. The capability tells hosts with fewer bits from hosts that offer no choice.
        let canChoose = try value(of: UInt32(KVM_CAP_ARM_VM_IPA_SIZE)) > 0
        return canChoose ? UInt(max(bits, 32)) : 0
    }

    func value(of capability: UInt32) throws(KVMError) -> Int {
        try call("KVM_CHECK_EXTENSION") { (kvm) throws(Errno) in try calls.capability(capability, of: kvm) }
    }

    func call<Result>(_ name: String, _ body: (CInt) throws(Errno) -> Result) throws(KVMError) -> Result {
        try mapError({ KVMError.call(name, errno: $0) }, try body(descriptor.rawValue))
    }
}

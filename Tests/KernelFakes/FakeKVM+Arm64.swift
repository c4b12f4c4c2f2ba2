// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem

/// The calls of `FakeKernel` for emulating a load or store.
extension FakeKernel {
    public func enableCapability(_ number: UInt32, of vm: CInt) throws(Errno) {
        try step("KVM_ENABLE_CAP \(number)")
        withState { _ = $0.kvm.enabledCapabilities.insert(number) }
    }

    public func vectorRegister(_ identifier: UInt64, of vcpu: CInt) throws(Errno) -> UInt128 {
        try step("KVM_GET_ONE_REG")
        return withState { $0.kvm.vectors[$0.descriptors[vcpu] ?? "?"]?[identifier] ?? 0 }
    }

    public func setVectorRegister(_ identifier: UInt64, of vcpu: CInt, to value: UInt128) throws(Errno) {
        try step("KVM_SET_ONE_REG")
        withState { $0.kvm.vectors[$0.descriptors[vcpu] ?? "?", default: [:]][identifier] = value }
    }

    public func injectDataAbort(vcpu: CInt) throws(Errno) {
        try note("KVM_SET_VCPU_EVENTS")
        withState { $0.kvm.dataAborts += 1 }
    }
}

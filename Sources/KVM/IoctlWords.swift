// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux

/// Encodes the arguments of the calls of `KVMCalls` as the words that KVM's ioctls take.
///
/// Apart from the ioctls, so that tests can run it on machines without KVM for arm64.
enum IoctlWords {
    /// struct kvm_irqfd, `flags`.
    static func irqfd(resamples: Bool) -> UInt32 { resamples ? UInt32(KVM_IRQFD_FLAG_RESAMPLE) : 0 }

    /// struct kvm_ioeventfd, `flags`: KVM_IOEVENTFD_FLAG_DATAMATCH (bit 0) and _DEASSIGN (bit 2). C computes them from
    /// an enumeration, which Swift can't import.
    static func ioeventfd(matches: Bool, isRemoved: Bool) -> UInt32 {
        (matches ? 1 << 0 : 0) | (isRemoved ? 1 << 2 : 0)
    }

    /// struct kvm_vcpu_init, the first word of `features`.
    static func vcpuFeatures(poweredOff: Bool) -> UInt32 {
        UInt32(1 << CLINUX_ARM_VCPU_PSCI_0_2 | (poweredOff ? 1 << CLINUX_ARM_VCPU_POWER_OFF : 0))
    }

    /// A register of 128 bits from the two words that KVM_GET_ONE_REG fills.
    static func register(low: UInt64, high: UInt64) -> UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// The two words that KVM_SET_ONE_REG takes for a register of 128 bits.
    static func halves(of register: UInt128) -> (low: UInt64, high: UInt64) {
        (UInt64(truncatingIfNeeded: register), UInt64(truncatingIfNeeded: register >> 64))
    }
}

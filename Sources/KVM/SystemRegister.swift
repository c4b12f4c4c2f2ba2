// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux

/// A system register of a vCPU that controls, or describes, the translation of the guest's addresses.
///
/// - SeeAlso: Arm Architecture Reference Manual (DDI 0487), part D, AArch64 System register descriptions, for the
///   encodings; arch/arm64/include/uapi/asm/kvm.h, ARM64_SYS_REG
public enum SystemRegister: String, Sendable, CustomStringConvertible {
    case sctlrEL1 = "sctlr_el1"
    case ttbr0EL1 = "ttbr0_el1"
    case ttbr1EL1 = "ttbr1_el1"
    case tcrEL1 = "tcr_el1"
    /// Only with FEAT_TCR2.
    case tcr2EL1 = "tcr2_el1"
    /// The CPU's features: page sizes, byte orders.
    case idAA64MMFR0EL1 = "id_aa64mmfr0_el1"

    var identifier: UInt64 {
        switch self {
        case .sctlrEL1: clinux_kvm_arm_system_register(3, 0, 1, 0, 0)
        case .ttbr0EL1: clinux_kvm_arm_system_register(3, 0, 2, 0, 0)
        case .ttbr1EL1: clinux_kvm_arm_system_register(3, 0, 2, 0, 1)
        case .tcrEL1: clinux_kvm_arm_system_register(3, 0, 2, 0, 2)
        case .tcr2EL1: clinux_kvm_arm_system_register(3, 0, 2, 0, 3)
        case .idAA64MMFR0EL1: clinux_kvm_arm_system_register(3, 0, 0, 7, 0)
        }
    }

    /// The name in assembler.
    public var description: String { rawValue }
}

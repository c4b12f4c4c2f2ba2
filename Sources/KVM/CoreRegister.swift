// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import LinuxSystem

/// A general-purpose register of a vCPU.
///
/// - SeeAlso: arch/arm64/include/uapi/asm/kvm.h, struct kvm_regs; Documentation/virt/kvm/api.rst, 4.68 KVM_SET_ONE_REG
public enum CoreRegister: Equatable, Sendable, CustomStringConvertible {
    /// X0 to X30.
    case x(Int)
    /// SP_EL0.
    case sp
    case spEL1
    case pc
    case pstate

    var identifier: UInt64 {
        let offset =
            switch self {
            case .x(let number): number * 8
            case .sp: CLINUX_ARM_REGS_SP
            case .pc: CLINUX_ARM_REGS_PC
            case .pstate: CLINUX_ARM_REGS_PSTATE
            case .spEL1: CLINUX_ARM_REGS_SP_EL1
            }
        return clinux_kvm_arm_core_register(UInt64(offset))
    }

    /// The name in assembler.
    public var description: String {
        switch self {
        case .x(let number): "x\(number)"
        case .sp: "sp"
        case .spEL1: "sp_el1"
        case .pc: "pc"
        case .pstate: "pstate"
        }
    }
}

extension VirtualCPU {
    /// The registers as lines of text, for the report of a guest that stopped with an error.
    public func registerDump() -> String {
        let registers: [CoreRegister] = [.pc, .pstate, .sp] + (0...30).map { .x($0) }
        var lines = ""
        for (position, register) in registers.enumerated() {
            let name = register.description
            let padding = String(repeating: " ", count: max(0, 6 - name.utf8.count))
            let value: String
            do { value = hex(try self.value(of: register)) } catch { value = "?" }
            lines += "\(padding)\(name) " + value + String(repeating: " ", count: max(0, 18 - value.utf8.count))
            lines += position % 3 == 2 ? "\n" : " "
        }
        return lines
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Arm64
internal import KVM

/// The registers of a stopped vCPU, by their number in an instruction.
struct GuestRegisters {
    let vcpu: VirtualCPU
    /// PSTATE.
    let state: UInt64

    /// Register 31 as a base: SP_EL1 at EL1 with SPSel set (M[3:0] is EL1h, 0b0101), SP_EL0 otherwise.
    private var stackPointer: CoreRegister { state & 0xf == 0b0101 ? .spEL1 : .sp }

    func base(_ base: LoadStore.Base, _ counter: UInt64) throws(KVMError) -> UInt64 {
        switch base {
        case .register(31): try vcpu.value(of: stackPointer)
        case .register(let number): try vcpu.value(of: .x(Int(number)))
        case .programCounter: counter
        }
    }

    func setBase(_ base: LoadStore.Base, to value: UInt64) throws(KVMError) {
        switch base {
        case .register(31): try vcpu.set(stackPointer, to: value)
        case .register(let number): try vcpu.set(.x(Int(number)), to: value)
        case .programCounter: break
        }
    }

    /// The value of the offset register; 0 if there is none.
    func index(_ offset: LoadStore.Offset) throws(KVMError) -> UInt64 {
        guard case .register(let number, _, _) = offset, number != 31 else { return 0 }
        return try vcpu.value(of: .x(Int(number)))
    }

    func value(_ number: UInt8, of instruction: LoadStore) throws(KVMError) -> UInt128 {
        switch instruction.file {
        case .vector: try vcpu.vector(Int(number))
        case .general where number == 31: 0
        case .general: UInt128(try vcpu.value(of: .x(Int(number))))
        }
    }

    /// Writes a loaded element to its register; the bits above the element become zeros or copies of its sign.
    func set(_ number: UInt8, of instruction: LoadStore, to value: UInt128) throws(KVMError) {
        switch instruction.file {
        case .vector: try vcpu.setVector(Int(number), to: value)
        case .general where number == 31: break
        case .general:
            try vcpu.set(.x(Int(number)), to: instruction.extended(UInt64(truncatingIfNeeded: value)))
        }
    }
}

extension TranslationRegime {
    /// Reads the regime of a stopped vCPU. With the MMU off, only the registers that matter then are read.
    init(of vcpu: VirtualCPU) throws(KVMError) {
        self.init(control: try vcpu.value(of: .sctlrEL1), translationControl: try vcpu.value(of: .tcrEL1))
        guard isEnabled else { return }
        tableBase0 = try vcpu.value(of: .ttbr0EL1)
        tableBase1 = try vcpu.value(of: .ttbr1EL1)
        do { translationControl2 = try vcpu.value(of: .tcr2EL1) } catch {
            guard case .call(_, errno: .noSuchFileOrDirectory) = error else { throw error }
        }
    }
}

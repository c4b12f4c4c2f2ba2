// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Why a vCPU returned from the guest.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 5. The kvm_run structure
public enum VCPUExit: Equatable, Sendable {
    /// The guest read `length` bytes of an address that no memory slot covers; answer with `complete(read:)`.
    case mmioRead(address: UInt64, length: UInt32)
    /// The guest wrote the low `length` bytes of `value`.
    case mmioWrite(address: UInt64, length: UInt32, value: UInt64)
    /// The guest accessed guest-physical `address`, which no memory slot covers, with an instruction that the hardware
    /// doesn't describe. Emulate it, or inject a data abort. The program counter still points at the instruction.
    case noSyndrome(address: UInt64, isWrite: Bool)
    /// PSCI SYSTEM_OFF.
    case shutdown
    /// PSCI SYSTEM_RESET.
    case reset
    /// The guest reported a crash of its own.
    case crash
    /// A signal or `setImmediateExit` stopped the vCPU.
    case interrupted
    /// The hardware refused to enter the guest.
    case failedEntry(reason: UInt64)
    /// KVM reached a state that it can't emulate.
    case internalError(suberror: UInt32)
    /// An exit reason, or a system event, that Martlet doesn't know.
    case unknown(reason: UInt32, detail: UInt32)
}

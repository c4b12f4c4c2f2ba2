// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The number of bytes of one load or store of the guest.
public enum AccessWidth: UInt8, Sendable {
    case byte = 1
    case halfword = 2
    case word = 4
    case doubleword = 8

    /// The width that KVM reports as `kvm_run.mmio.len`; nil for a length that no single arm64 load or store has.
    @inlinable
    public init?(bytes: UInt32) {
        switch bytes {
        case 1: self = .byte
        case 2: self = .halfword
        case 4: self = .word
        case 8: self = .doubleword
        default: return nil
        }
    }

    /// The width in bytes.
    @inlinable
    public var bytes: UInt64 { UInt64(rawValue) }

    /// The bits of a value that an access of this width carries.
    @inlinable
    public var mask: UInt64 { UInt64.max >> (64 &- bytes &* 8) }
}

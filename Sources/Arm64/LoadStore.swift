// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// One load or store of the A64 instruction set as a value.
///
/// It has the transfer, the address, and the new value of the base.
///
/// The order is that of the instruction: `accesses` go to memory in their order, then the registers are written, then
/// the base. Acquire and release forms are plain accesses here, because a trapped access is complete before the next
/// instruction begins.
///
/// - SeeAlso: Arm Architecture Reference Manual (DDI 0487), C3.2 Loads and stores, and C6.2 and C7.2 for each
///   instruction
public struct LoadStore: Equatable, Sendable {
    /// The kind of instruction.
    public enum Operation: Equatable, Sendable {
        case load(Extension)
        case store
        /// A hint: no access, and no register changes.
        case prefetch
    }

    /// How a loaded element that is narrower than its register is extended.
    public enum Extension: Equatable, Sendable {
        /// With zeros up to the register's end; a load of a W register also clears the upper half of the X register.
        case zero
        /// With the sign up to bit 31, and zeros above that.
        case signTo32
        /// With the sign up to bit 63.
        case signTo64
    }

    /// The registers of the transfer.
    public enum File: Equatable, Sendable {
        /// X0 to X30; number 31 is the zero register.
        case general
        /// V0 to V31, 128 bits each.
        case vector
    }

    /// The base of the address.
    public enum Base: Equatable, Sendable {
        /// X0 to X30; number 31 is the current stack pointer.
        case register(UInt8)
        /// The instruction's own address.
        case programCounter
    }

    /// The offset from the base.
    public enum Offset: Equatable, Sendable {
        case immediate(Int64)
        /// X0 to X30, or the zero register for 31: extended, then shifted left.
        case register(UInt8, OffsetExtension, shift: UInt8)
    }

    /// How the offset register is read.
    public enum OffsetExtension: Equatable, Sendable {
        /// The low 32 bits, zeros above.
        case uxtw
        /// All 64 bits (LSL).
        case uxtx
        /// The low 32 bits with their sign.
        case sxtw
        /// All 64 bits.
        case sxtx
    }

    /// When the offset is added, and whether the base register changes.
    public enum Indexing: Equatable, Sendable {
        /// Before the access; the base doesn't change.
        case offset
        /// Before the access; the base becomes the address.
        case preIndexed
        /// After the access, to the base.
        case postIndexed
    }

    /// One access to memory: at most 8 bytes of one register.
    public struct Access: Equatable, Sendable {
        /// The offset from the address in bytes.
        public let offset: UInt64
        /// The number of bytes: 1, 2, 4 or 8.
        public let bytes: UInt8
        /// The register's number.
        public let register: UInt8
        /// Whether it is the upper half of a 128-bit register.
        public let isUpperHalf: Bool

        /// Combines the parts.
        public init(offset: UInt64, bytes: UInt8, register: UInt8, isUpperHalf: Bool = false) {
            self.offset = offset
            self.bytes = bytes
            self.register = register
            self.isUpperHalf = isUpperHalf
        }
    }

    /// Load, store or prefetch.
    public var operation: Operation
    /// The kind of registers.
    public var file: File
    /// The number of bytes of each register: 1, 2, 4, 8, or 16 (vector registers only).
    public var elementBytes: UInt8
    /// The register, or the first of a pair.
    public var register: UInt8
    /// The second register of a pair.
    public var secondRegister: UInt8?
    /// The base of the address.
    public var base: Base
    /// The offset from the base.
    public var offset: Offset
    /// Whether and when the base register changes.
    public var indexing: Indexing
    /// LDTR and similar: with the permissions of EL0, whatever the exception level.
    public var isUnprivileged: Bool

    /// Combines the parts.
    public init(
        _ operation: Operation, _ file: File = .general, elementBytes: UInt8, register: UInt8,
        secondRegister: UInt8? = nil, base: Base, offset: Offset = .immediate(0), indexing: Indexing = .offset,
        isUnprivileged: Bool = false
    ) {
        self.operation = operation
        self.file = file
        self.elementBytes = elementBytes
        self.register = register
        self.secondRegister = secondRegister
        self.base = base
        self.offset = offset
        self.indexing = indexing
        self.isUnprivileged = isUnprivileged
    }

    /// The total number of bytes, at consecutive addresses: at most 32; 0 for a prefetch.
    public var byteCount: UInt64 {
        operation == .prefetch ? 0 : UInt64(elementBytes) * (secondRegister == nil ? 1 : 2)
    }

    /// Its accesses to memory, in order; empty for a prefetch.
    ///
    /// The pseudocode of each instruction accesses the first register's element, then the second's. An element of 128
    /// bits becomes two accesses, the lower address first.
    public var accesses: [Access] {
        if operation == .prefetch { return [] }
        let single = min(elementBytes, 8)
        var accesses: [Access] = []
        var offset: UInt64 = 0
        func append(_ register: UInt8) {
            accesses.append(Access(offset: offset, bytes: single, register: register))
            if elementBytes == 16 {
                accesses.append(Access(offset: offset + 8, bytes: 8, register: register, isUpperHalf: true))
            }
            offset += UInt64(elementBytes)
        }
        append(register)
        if let secondRegister { append(secondRegister) }
        return accesses
    }

    /// The address of the first access, and the new value of the base register (nil if it doesn't change).
    ///
    /// Addresses wrap around at 2^64, as in the architecture.
    /// - Parameters:
    ///   - base: the value of `base`.
    ///   - index: the value of the offset register, if there is one.
    public func address(base: UInt64, index: UInt64 = 0) -> (address: UInt64, newBase: UInt64?) {
        let sum = base &+ displacement(index)
        return switch indexing {
        case .offset: (sum, nil)
        case .preIndexed: (sum, sum)
        case .postIndexed: (base, sum)
        }
    }

    private func displacement(_ index: UInt64) -> UInt64 {
        switch offset {
        case .immediate(let value): return UInt64(bitPattern: value)
        case .register(_, let kind, let shift):
            let value =
                switch kind {
                case .uxtw: index & 0xffff_ffff
                case .sxtw: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: index)))
                case .uxtx, .sxtx: index
                }
            return value << UInt64(shift)
        }
    }

    /// The value of a general register after a load of `value`, an element's bits with zeros above.
    public func extended(_ value: UInt64) -> UInt64 {
        guard case .load(let kind) = operation, kind != .zero, elementBytes < 8 else { return value }
        let unused = 64 - UInt64(elementBytes) * 8
        let signed = UInt64(bitPattern: Int64(bitPattern: value << unused) >> Int64(unused))
        return kind == .signTo64 ? signed : signed & 0xffff_ffff
    }
}

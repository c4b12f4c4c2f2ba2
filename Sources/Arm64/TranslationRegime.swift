// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The stage 1 translation of a guest at EL1 and EL0: its registers, and the walk through its tables.
///
/// The tables belong to the guest and may have any content: a walk reads at most five descriptors and never traps.
///
/// - SeeAlso: Arm Architecture Reference Manual (DDI 0487), D8 The AArch64 Virtual Memory System Architecture, and the
///   pseudocode's shared/translation/vmsa_addrcalc; the registers are in its part D, AArch64 System register
///   descriptions
public struct TranslationRegime: Equatable, Sendable {
    /// The use of the address: tags in the top byte may be ignored only for data.
    public enum Use: Sendable {
        case instruction
        case data
    }

    /// The result of a translation.
    public struct Result: Equatable, Sendable {
        /// The guest-physical address (IPA).
        public let address: UInt64
        /// Whether EL0 may access it (AP[1] and the tables' limits).
        public let isUserAccessible: Bool
        /// Whether a store may go there (AP[2], DBM and the tables' limits).
        public let isWritable: Bool

        /// Combines the parts.
        public init(address: UInt64, isUserAccessible: Bool, isWritable: Bool) {
            self.address = address
            self.isUserAccessible = isUserAccessible
            self.isWritable = isWritable
        }
    }

    /// Why an address has no translation.
    ///
    /// `level` is that of the descriptor: -1 to 3.
    public enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
        /// The address is in neither half, or its half is disabled (TCR_EL1.EPD0, EPD1).
        case outsideRegime
        /// A descriptor is invalid or reserved.
        case invalid(level: Int)
        /// A table, or the result, is beyond the size that TCR_EL1.IPS allows.
        case addressSize(level: Int)
        /// A descriptor is at an address without memory.
        case noMemory(address: UInt64)
        /// A setting that isn't supported here, by the name of its register's field.
        case unsupported(String)

        /// The fault in a few words.
        public var description: String {
            switch self {
            case .outsideRegime: "no translation table covers the address"
            case .invalid(let level): "no valid descriptor at level \(level)"
            case .addressSize(let level): "an output address at level \(level) is too large"
            case .noMemory(let address): "a translation table at \(hex(address)) is not in RAM"
            case .unsupported(let field): "\(field) is not supported"
            }
        }
    }

    /// SCTLR_EL1.
    public var control: UInt64
    /// TCR_EL1; ignored with the MMU off, like the next two.
    public var translationControl: UInt64
    /// TTBR0_EL1: the tables of the lower half.
    public var tableBase0: UInt64
    /// TTBR1_EL1: the tables of the upper half.
    public var tableBase1: UInt64
    /// TCR2_EL1; 0 for a CPU without it.
    public var translationControl2: UInt64

    /// The regime of these registers.
    public init(
        control: UInt64, translationControl: UInt64 = 0, tableBase0: UInt64 = 0, tableBase1: UInt64 = 0,
        translationControl2: UInt64 = 0
    ) {
        self.control = control
        self.translationControl = translationControl
        self.tableBase0 = tableBase0
        self.tableBase1 = tableBase1
        self.translationControl2 = translationControl2
    }

    /// SCTLR_EL1.M.
    public var isEnabled: Bool { control & 1 != 0 }

    /// Whether data is big-endian at EL0 (SCTLR_EL1.E0E) or EL1 (EE).
    ///
    /// Instructions never are.
    public func isBigEndian(atEL0: Bool) -> Bool { control & (atEL0 ? 1 << 24 : 1 << 25) != 0 }

    /// Whether access permissions come from PIR_EL1 and PIRE0_EL1 (TCR2_EL1.PIE), so that those in `Result` don't
    /// count.
    public var hasIndirectPermissions: Bool { translationControl2 & 1 << 1 != 0 }

    /// Translates `address` with the tables.
    ///
    /// Permissions and the access flag are not checked.
    /// - Parameter read: returns the 8 bytes at a guest-physical address, little-endian; nil if there is no memory.
    public func translate(
        _ address: UInt64, for use: Use, read: (UInt64) -> UInt64?
    ) throws(Fault) -> Result {
        let half = AddressHalf(self, upper: address & 1 << 55 != 0)
        let hasTag = half.ignoresTopByte && (use == .data || !half.tagsDataOnly)
        guard isEnabled else {
            // AArch64.S1DisabledOutput: the output equals the input, and all bits above the largest address size must
            // be zero.
            let plain = hasTag ? address & (1 << 56 - 1) : address
            guard plain >> 52 == 0 else { throw .addressSize(level: 0) }
            return Result(address: plain, isUserAccessible: true, isWritable: true)
        }
        // In this case the tables are big-endian too.
        guard !isBigEndian(atEL0: false) else { throw .unsupported("SCTLR_EL1.EE") }
        guard translationControl2 & 1 << 5 == 0 else { throw .unsupported("TCR2_EL1.D128") }
        guard !half.isDisabled else { throw .outsideRegime }
        let walk = try TranslationWalk(half, self)
        // D8.2.8: the bits between the tag and those that the tables resolve are all ones or all zeros.
        let unused: UInt64 = 1 << ((hasTag ? 56 : 64) - walk.inputBits) - 1
        guard address >> walk.inputBits & unused == (half.isUpper ? unused : 0) else { throw .outsideRegime }
        return try walk.run(address & (1 << walk.inputBits - 1), read)
    }
}

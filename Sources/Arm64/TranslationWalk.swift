// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A walk through the tables of one half of the address space.
struct TranslationWalk {
    /// The number of address bits that the tables resolve.
    let inputBits: UInt64
    private let half: AddressHalf
    private let granule: AddressHalf.Granule
    private let granuleBits: UInt64
    private let outputBits: UInt64
    /// Whether 4 and 16 KiB granules use the 52-bit descriptor format (FEAT_LPA2, TCR_EL1.DS).
    private let isWide: Bool
    /// TCR_EL1.HA and HD: at the first store the hardware makes a page with DBM writable (FEAT_HAFDBS). HD has an
    /// effect only with HA.
    private let managesDirtyState: Bool
    private let startLevel: Int
    private let table: UInt64

    init(_ half: AddressHalf, _ regime: TranslationRegime) throws(TranslationRegime.Fault) {
        guard let granule = half.granule else { throw .unsupported("the reserved TCR_EL1.TG\(half.isUpper ? 1 : 0)") }
        self.half = half
        self.granule = granule
        let control = regime.translationControl
        granuleBits =
            switch granule {
            case .kibibytes4: 12
            case .kibibytes16: 14
            case .kibibytes64: 16
            }
        managesDirtyState = control & 1 << 39 != 0 && control & 1 << 40 != 0
        isWide = granule != .kibibytes64 && control & 1 << 59 != 0
        // TCR_EL1.IPS. An address that doesn't fit into a descriptor needs no limit.
        let size = control >> 32 & 7
        outputBits =
            switch size {
            case 0: 32
            case 1: 36
            case 2: 40
            case 3: 42
            case 4: 44
            case 5: 48
            default: 52
            }
        // Up to 52 bits with FEAT_LPA2, or with FEAT_LVA and 64 KiB; down to 16 (17) with FEAT_TTST. Beyond that the
        // behaviour is implementation defined.
        let smallest: UInt64 = granule == .kibibytes64 || isWide ? 12 : 16
        guard (smallest...(granule == .kibibytes64 ? 47 : 48)).contains(half.sizeOffset) else {
            throw .unsupported("the value \(half.sizeOffset) of TCR_EL1.T\(half.isUpper ? 1 : 0)SZ")
        }
        inputBits = 64 - half.sizeOffset
        let stride = granuleBits - 3
        let levels = (inputBits - 1 - granuleBits) / stride
        startLevel = 3 - Int(levels)
        // The first table may be smaller than a page; with 52-bit addresses it is aligned to at least 64 bytes.
        let hasHighBits = isWide || (granule == .kibibytes64 && size == 6)
        let tableBits = inputBits - (levels * stride + granuleBits) + 3
        let alignment = hasHighBits ? max(tableBits, 6) : tableBits
        var base = half.tableBase & (1 << 48 - 1)
        if hasHighBits { base = base & ~0x3f | (half.tableBase >> 2 & 0xf) << 48 }
        table = base & ~(1 << alignment - 1)
    }

    func run(
        _ address: UInt64, _ read: (UInt64) -> UInt64?
    ) throws(TranslationRegime.Fault) -> TranslationRegime.Result {
        var table = self.table
        var isUserAccessible = true
        var isWritable = true
        try check(table, at: startLevel)
        for level in startLevel...3 {
            // The number of bits below the index of this level, and in the index.
            let shift = granuleBits + (granuleBits - 3) * UInt64(3 - level)
            let indexBits = min(granuleBits - 3, inputBits - shift)
            let entry = table + (address >> shift & (1 << indexBits - 1)) * 8
            guard let descriptor = read(entry) else { throw .noMemory(address: entry) }
            switch descriptor & 3 {
            case 3 where level < 3:
                table = output(descriptor, lowBits: granuleBits)
                try check(table, at: level)
                if !half.ignoresTableLimits {
                    // APTable, unless TCR_EL1.HPDx disables it.
                    if descriptor & 1 << 61 != 0 { isUserAccessible = false }
                    if descriptor & 1 << 62 != 0 { isWritable = false }
                }
            case 1 where isBlockLevel(level), 3:
                let base = output(descriptor, lowBits: shift)
                try check(base, at: level)
                // AP[2], unless with DBM it means "clean".
                let isReadOnly = descriptor & 1 << 7 != 0 && !(managesDirtyState && descriptor & 1 << 51 != 0)
                return TranslationRegime.Result(
                    address: base | address & (1 << shift - 1),
                    isUserAccessible: isUserAccessible && descriptor & 1 << 6 != 0,
                    isWritable: isWritable && !isReadOnly)
            default: throw .invalid(level: level)
            }
        }
        throw .invalid(level: 3)
    }

    /// Whether a descriptor of this level may be a block.
    private func isBlockLevel(_ level: Int) -> Bool {
        switch granule {
        case .kibibytes4: level == 1 || level == 2 || level == 0 && isWide
        case .kibibytes16: level == 2 || level == 1 && isWide
        case .kibibytes64: level == 2 || level == 1 && outputBits == 52
        }
    }

    /// The address in a descriptor, a multiple of 2^`lowBits`.
    private func output(_ descriptor: UInt64, lowBits: UInt64) -> UInt64 {
        var address = descriptor & (1 << 48 - 1)
        if isWide {
            address |= descriptor & 3 << 48 | (descriptor >> 8 & 3) << 50
        } else if granule == .kibibytes64 {
            address |= (descriptor >> 12 & 0xf) << 48
        }
        return address & ~(1 << lowBits - 1)
    }

    private func check(_ address: UInt64, at level: Int) throws(TranslationRegime.Fault) {
        guard address >> outputBits == 0 else { throw .addressSize(level: level) }
    }
}

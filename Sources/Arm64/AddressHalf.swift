// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The settings of TCR_EL1 and a TTBR for one half of the address space.
struct AddressHalf {
    /// The size of a page: 4, 16 or 64 KiB.
    enum Granule { case kibibytes4, kibibytes16, kibibytes64 }

    let isUpper: Bool
    let tableBase: UInt64
    /// TxSZ: 64 less the number of address bits.
    let sizeOffset: UInt64
    /// Nil for the reserved value.
    let granule: Granule?
    /// EPDx.
    let isDisabled: Bool
    /// TBIx.
    let ignoresTopByte: Bool
    /// TBIDx.
    let tagsDataOnly: Bool
    /// HPDx.
    let ignoresTableLimits: Bool

    init(_ regime: TranslationRegime, upper: Bool) {
        let control = regime.translationControl
        func bit(_ lower: UInt64, _ ofUpper: UInt64) -> Bool { control >> (upper ? ofUpper : lower) & 1 != 0 }
        isUpper = upper
        tableBase = upper ? regime.tableBase1 : regime.tableBase0
        sizeOffset = (upper ? control >> 16 : control) & 0x3f
        granule =
            switch (upper, (upper ? control >> 30 : control >> 14) & 3) {
            case (false, 0), (true, 2): .kibibytes4
            case (false, 1), (true, 3): .kibibytes64
            case (false, 2), (true, 1): .kibibytes16
            default: nil
            }
        isDisabled = bit(7, 23)
        ignoresTopByte = bit(37, 38)
        tagsDataOnly = bit(51, 52)
        ignoresTableLimits = bit(41, 42)
    }
}

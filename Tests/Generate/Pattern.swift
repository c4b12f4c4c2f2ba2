// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration

/// Regular expressions of the schema, which mean the same in every dialect that JSON Schema is used with: Python's `$`
/// also matches before a last newline, so that one is ruled out wherever the text may not have it.
enum Pattern {
    private static let end = #"$(?!\n)"#

    static func of(_ rule: TextRule) -> String {
        switch rule {
        case .path, .clockName: #"^[^\u0000]*$"#
        case .devicePath: #"^(?!/*\#(end)|([^\u0000]*/)?\.{1,2}/*\#(end))[^\u0000]*$"#
        case .deviceName, .heapName: #"^(?!\.{1,2}\#(end))[^/\u0000]*$"#
        case .driveID: #"^[a-zA-Z0-9_-]+\#(end)"#
        case .partitionUUID: #"^[0-9a-fA-F-]+\#(end)"#
        case .bootArguments: #"^[^\u0000\r\n]*\#(end)"#
        case .label: #"^[a-zA-Z_][a-zA-Z0-9_]*\#(end)"#
        case .deviceLabel: "^(?!(\(TextRule.boardLabels.joined(separator: "|")))\(end))\(of(.label).dropFirst())"
        case .propertyName: "^(?!(linux,)?phandle\(end))[a-zA-Z0-9,._+?#-]+\(end)"
        case .nodePart: "^[a-zA-Z0-9,._+?#@-]+(/[a-zA-Z0-9,._+?#@-]+)*\(end)"
        }
    }

    /// "0x…" for a multiple of `unit` below 2^52, from `minimum` up.
    static func address(multipleOf unit: UInt64, minimum: UInt64) -> String {
        precondition(
            unit.nonzeroBitCount == 1 && (minimum == 0 || minimum == unit), "there is no pattern for this address")
        let bits = unit.trailingZeroBitCount
        let lastDigit = ["", "[02468aceACE]", "[048cC]", "[08]"][bits % 4]
        let zeros = String(repeating: "0", count: bits / 4)
        let digits = AddressText.limit.trailingZeroBitCount / 4 - zeros.count - (lastDigit.isEmpty ? 0 : 1)
        let multiple = "[0-9a-fA-F]{0,\(digits)}\(lastDigit)\(zeros)"
        return minimum == 0 ? "^0x0*(\(multiple)|0)\(end)" : "^0x(?!0*\(end))0*\(multiple)\(end)"
    }

    /// A number of 64 bits in hexadecimal.
    static let number64 = "^0x0*[0-9a-fA-F]{1,16}\(end)"

    /// Pairs of hexadecimal digits with blanks between them.
    static let bytes = "^ *[0-9a-fA-F]{2}([0-9a-fA-F]{2}| )*\(end)"

    /// "4-7", "0,2-3".
    static var cpuList: String {
        precondition(CPUList.lastNumber == 8191, "the pattern is one for numbers up to 8191")
        let number = "(0|[1-9][0-9]{0,2}|[1-7][0-9]{3}|8(0[0-9]{2}|1([0-8][0-9]|9[01])))"
        return "^\(number)(-\(number))?(,\(number)(-\(number))?)*\(end)"
    }
}

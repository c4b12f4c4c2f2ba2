// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// What is wrong with the name of a node or property.
/// - SeeAlso: Devicetree Specification v0.4, 2.2.1 and 2.2.4.1
public enum NameProblem: Equatable, Sendable {
    /// There are no characters where some are needed.
    case empty
    /// Nothing follows "@".
    case emptyUnitAddress
    /// Longer than the limit, or than what the specification allows.
    case tooLong(length: Int, limit: Int)
    /// A byte that isn't allowed in such a name, or not at its start.
    case character(UInt8)

    /// The problem of a node's name; nil if there is none. Not for the root, whose name is empty.
    ///
    /// In addition to the specification's letters, a name may begin with a digit, or with "_" as in `__symbols__`.
    static func ofNode(_ name: String, limits: Tree.Limits) -> NameProblem? {
        let bytes = name.utf8.span
        var baseLength = bytes.count
        for index in bytes.indices where !isNodeCharacter(bytes[index]) {
            guard bytes[index] == UInt8(ascii: "@"), index > 0, baseLength == bytes.count else {
                return .character(bytes[index])
            }
            baseLength = index
        }
        guard let first = bytes.isEmpty ? nil : bytes[0] else { return .empty }
        // "+", ",", "-" and "."
        guard !(UInt8(ascii: "+")...UInt8(ascii: ".") ~= first) else { return .character(first) }
        guard baseLength <= limits.nodeNameLength else {
            return .tooLong(length: baseLength, limit: limits.nodeNameLength)
        }
        guard bytes.count <= limits.nameLength else {
            return .tooLong(length: bytes.count, limit: limits.nameLength)
        }
        return baseLength == bytes.count - 1 ? .emptyUnitAddress : nil
    }

    /// The problem of a property's name; nil if there is none.
    static func ofProperty(_ name: String, limits: Tree.Limits) -> NameProblem? {
        let bytes = name.utf8.span
        for index in bytes.indices where !isPropertyCharacter(bytes[index]) { return .character(bytes[index]) }
        guard !bytes.isEmpty else { return .empty }
        return bytes.count <= limits.nameLength ? nil : .tooLong(length: bytes.count, limit: limits.nameLength)
    }

    // A bit for each byte below 0x40, and from there to 0x7F. Names are checked at each start of a guest, and one mask
    // is much faster than many comparisons with ranges.

    /// Letters, digits and "+", ",", "-", ".", "_".
    private static func isNodeCharacter(_ byte: UInt8) -> Bool {
        let mask: UInt64 = byte < 0x40 ? 0x03FF_7800_0000_0000 : 0x07FF_FFFE_87FF_FFFE
        return byte < 0x80 && (mask >> UInt64(byte & 0x3F)) & 1 == 1
    }

    /// The characters of a node's name, and "#" and "?".
    private static func isPropertyCharacter(_ byte: UInt8) -> Bool {
        let mask: UInt64 = byte < 0x40 ? 0x83FF_7808_0000_0000 : 0x07FF_FFFE_87FF_FFFE
        return byte < 0x80 && (mask >> UInt64(byte & 0x3F)) & 1 == 1
    }
}

extension NameProblem: CustomStringConvertible {
    /// The problem as text, which follows the name.
    public var description: String {
        switch self {
        case .empty: return "is empty"
        case .emptyUnitAddress: return "has no unit address after \"@\""
        case .tooLong(let length, let limit): return "has \(length) characters, and \(limit) are allowed"
        case .character(let byte) where UInt8(ascii: "!")...UInt8(ascii: "~") ~= byte:
            return "has the character \"\(Character(UnicodeScalar(byte)))\", which is not allowed here"
        case .character(let byte): return "has the byte \(hex(byte)), which is not allowed"
        }
    }
}

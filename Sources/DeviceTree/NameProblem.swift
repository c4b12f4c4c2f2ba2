// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What is wrong with the name of a node or property.
/// - SeeAlso: Devicetree Specification v0.4, 2.2.1 and 2.2.4.1
public enum NameProblem: Equatable, Sendable {
    /// No characters where some are needed.
    case empty
    /// "@" with nothing behind it.
    case emptyUnitAddress
    /// Longer than the limit, or than what the specification allows.
    case tooLong(length: Int, limit: Int)
    /// A byte that may not stand in such a name, or not at its start.
    case character(UInt8)

    /// The problem of a node's name, or nil. The root's name, which is empty, is not for this check.
    ///
    /// More than the specification's letters are accepted in front: digits, and the "_" of `__symbols__`.
    static func ofNode(_ name: some Sequence<UInt8>, limits: DeviceTree.Limits) -> NameProblem? {
        var length = 0
        var unitAddressStart: Int?
        for byte in name {
            if byte == UInt8(ascii: "@"), length > 0, unitAddressStart == nil {
                unitAddressStart = length + 1
            } else if !isAlphanumeric(byte), byte != UInt8(ascii: "_") {
                guard length > 0 else { return .character(byte) }
                switch byte {
                case UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"): break
                default: return .character(byte)
                }
            }
            length += 1
        }
        guard length > 0 else { return .empty }
        let baseLength = unitAddressStart.map { $0 - 1 } ?? length
        guard baseLength <= limits.nodeNameLength else {
            return .tooLong(length: baseLength, limit: limits.nodeNameLength)
        }
        guard length <= limits.nameLength else { return .tooLong(length: length, limit: limits.nameLength) }
        return unitAddressStart == length ? .emptyUnitAddress : nil
    }

    /// The problem of a property's name, or nil.
    static func ofProperty(_ name: some Sequence<UInt8>, limits: DeviceTree.Limits) -> NameProblem? {
        var length = 0
        for byte in name {
            if !isAlphanumeric(byte) {
                switch byte {
                case UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "?"),
                    UInt8(ascii: "#"), UInt8(ascii: "-"):
                    break
                default: return .character(byte)
                }
            }
            length += 1
        }
        guard length > 0 else { return .empty }
        return length <= limits.nameLength ? nil : .tooLong(length: length, limit: limits.nameLength)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

extension NameProblem: CustomStringConvertible {
    /// The problem in words, to stand behind the name.
    public var description: String {
        switch self {
        case .empty: return "is empty"
        case .emptyUnitAddress: return "has nothing behind its \"@\""
        case .tooLong(let length, let limit): return "has \(length) characters where \(limit) are allowed"
        case .character(let byte) where 0x21...0x7E ~= byte:
            return "has \"\(Character(UnicodeScalar(byte)))\" where it is not allowed"
        case .character(let byte): return "has the byte 0x\(String(byte, radix: 16)), which is not allowed"
        }
    }
}

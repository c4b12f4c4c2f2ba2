// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A property's value: bytes whose meaning depends on the property.
///
/// The blob doesn't have the type of a value, so neither does this type: it is made from typed parts (`.cells`,
/// `.string`, `append`) and read with the type that the binding defines (`cells`, `string`, `reader`). Numbers are
/// big-endian.
/// - SeeAlso: Devicetree Specification v0.4, 2.2.4.2
public struct PropertyValue: Hashable, Sendable {
    /// The bytes of the value in the blob.
    public private(set) var bytes: [UInt8]

    /// A value of these bytes.
    public init(bytes: [UInt8] = []) {
        self.bytes = bytes
    }

    /// An empty value: a boolean that is true.
    public static var empty: PropertyValue { PropertyValue() }

    /// These bytes.
    public static func bytes(_ bytes: [UInt8]) -> PropertyValue { PropertyValue(bytes: bytes) }

    /// One 32-bit number.
    public static func cell(_ cell: UInt32) -> PropertyValue {
        .cells([cell])
    }

    /// 32-bit numbers.
    public static func cells(_ cells: [UInt32]) -> PropertyValue {
        var value = PropertyValue()
        value.append(cells: cells)
        return value
    }

    /// One 64-bit number: two cells, the high one first.
    public static func cell64(_ number: UInt64) -> PropertyValue {
        var value = PropertyValue()
        value.append(cell64: number)
        return value
    }

    /// 64-bit numbers: two cells each, the high one first.
    public static func cells64(_ numbers: [UInt64]) -> PropertyValue {
        var value = PropertyValue()
        value.reserve(byteCount: numbers.count * 8)
        for number in numbers { value.append(cell64: number) }
        return value
    }

    /// A reference to a node.
    public static func phandle(_ phandle: Phandle) -> PropertyValue { .cell(phandle.rawValue) }

    /// A string and its NUL. A NUL inside the string makes the value a list of strings.
    public static func string(_ string: String) -> PropertyValue {
        var value = PropertyValue()
        value.append(string: string)
        return value
    }

    /// A list of strings, each with its NUL.
    public static func strings(_ strings: [String]) -> PropertyValue {
        var value = PropertyValue()
        for string in strings { value.append(string: string) }
        return value
    }

    /// Adds one 32-bit number.
    public mutating func append(cell: UInt32) {
        bytes.append(UInt8(truncatingIfNeeded: cell >> 24))
        bytes.append(UInt8(truncatingIfNeeded: cell >> 16))
        bytes.append(UInt8(truncatingIfNeeded: cell >> 8))
        bytes.append(UInt8(truncatingIfNeeded: cell))
    }

    /// Adds 32-bit numbers.
    public mutating func append(cells: [UInt32]) {
        reserve(byteCount: cells.count * 4)
        for cell in cells { append(cell: cell) }
    }

    /// Adds one 64-bit number as two cells.
    public mutating func append(cell64 number: UInt64) {
        reserve(byteCount: 8)
        append(cell: UInt32(truncatingIfNeeded: number >> 32))
        append(cell: UInt32(truncatingIfNeeded: number))
    }

    /// Adds a reference to a node.
    public mutating func append(phandle: Phandle) { append(cell: phandle.rawValue) }

    /// Adds a string and its NUL.
    public mutating func append(string: String) {
        reserve(byteCount: string.utf8.count + 1)
        bytes.append(contentsOf: string.utf8)
        bytes.append(0)
    }

    /// Adds another value's bytes.
    public mutating func append(_ other: PropertyValue) { bytes.append(contentsOf: other.bytes) }

    /// Reserves exact room for the first part, in one allocation. Later parts rely on the array's doubling; exact room
    /// for each would defeat it.
    mutating func reserve(byteCount: Int) {
        if bytes.isEmpty { bytes.reserveCapacity(byteCount) }
    }

    /// Adds a number in `cellCount` cells, as `#address-cells` and `#size-cells` require.
    ///
    /// - Parameters:
    ///   - number: Must be 0 if `cellCount` is 0.
    ///   - cellCount: 0, 1 or 2.
    ///   - field: The meaning of the number ("address"), for the error's text.
    /// - Throws: `DeviceTreeError.numberTooWide`, `.unsupportedCellCount`; the value is unchanged then.
    public mutating func append(
        _ number: UInt64, cellCount: Int, field: String = "number"
    ) throws(DeviceTreeError) {
        switch cellCount {
        case 0:
            guard number == 0 else { throw .numberTooWide(number, cellCount: 0, field: field) }
        case 1:
            guard let cell = UInt32(exactly: number) else { throw .numberTooWide(number, cellCount: 1, field: field) }
            append(cell: cell)
        case 2:
            append(cell64: number)
        default:
            throw .unsupportedCellCount(cellCount, field: field)
        }
    }
}

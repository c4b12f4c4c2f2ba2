// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A property that the user adds to a device's node.
public struct DeviceTreeProperty: Equatable, Sendable {
    /// The type of a value, from its JSON form; the device tree itself has no types.
    public enum Value: Equatable, Sendable {
        /// A boolean property, which is true if it exists.
        case empty
        /// One string, or a list of them.
        case strings([String])
        /// Numbers of 32 bits, and references.
        case cells([Cell])
        /// Numbers of 64 bits.
        case numbers64([UInt64])
        case bytes([UInt8])
    }

    /// 32 bits of a property.
    public enum Cell: Equatable, Sendable {
        case number(UInt32)
        /// The phandle of the node with this label.
        case reference(String)
    }

    /// The property's name.
    public var name: String
    /// The value that the property gets.
    public var value: Value

    /// Combines both.
    public init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

extension DeviceTreeProperty.Value {
    /// Reads a value. Its length in cells, bytes and strings is limited by that of the file.
    ///
    /// - `true`: no bytes
    /// - "text", ["text", …]: strings
    /// - number, {"phandle": "label"}, or an array of these: cells
    /// - {"u64": number or "0x…", or an array of these}: numbers of 64 bits
    /// - {"bytes": "00 1f …"}: bytes
    init?(json: JSONValue) {
        switch json {
        case .boolean(true): self = .empty
        case .string(let text):
            guard let strings = Self.strings([json]), strings == [text] else { return nil }
            self = .strings(strings)
        case .array(let elements):
            let values = elements.map(\.value)
            if let strings = Self.strings(values) {
                self = .strings(strings)
            } else if let cells = Self.all(values, Self.cell) {
                self = .cells(cells)
            } else {
                return nil
            }
        case .number:
            guard let cell = Self.cell(json) else { return nil }
            self = .cells([cell])
        case .object(let members):
            guard let member = members.first, members.count == 1 else { return nil }
            switch (member.key, member.node.value) {
            case ("phandle", _):
                guard let cell = Self.cell(json) else { return nil }
                self = .cells([cell])
            case ("u64", .array(let elements)):
                guard let numbers = Self.all(elements.map(\.value), AddressText.number) else { return nil }
                self = .numbers64(numbers)
            case ("u64", let value):
                guard let number = AddressText.number(value) else { return nil }
                self = .numbers64([number])
            case ("bytes", .string(let text)):
                guard let bytes = Self.bytes(text) else { return nil }
                self = .bytes(bytes)
            default: return nil
            }
        default: return nil
        }
    }

    /// The result of `read` for each element; nil if one can't be read, or if there are none.
    private static func all<Element>(
        _ values: [JSONValue], _ read: (JSONValue) -> Element?
    ) -> [Element]? {
        var elements: [Element] = []
        for value in values {
            guard let element = read(value) else { return nil }
            elements.append(element)
        }
        return elements.isEmpty ? nil : elements
    }

    private static func strings(_ values: [JSONValue]) -> [String]? {
        all(values) { value in
            // A NUL would split the string in two.
            guard case .string(let text) = value, !text.utf8.contains(0) else { return nil }
            return text
        }
    }

    private static func cell(_ json: JSONValue) -> DeviceTreeProperty.Cell? {
        switch json {
        case .number(let text): return UInt32(text).map(DeviceTreeProperty.Cell.number)
        case .object(let members):
            guard let member = members.first, members.count == 1, member.key == "phandle",
                case .string(let label) = member.node.value, TextRule.label.accepts(label)
            else { return nil }
            return .reference(label)
        default: return nil
        }
    }

    /// Reads pairs of hexadecimal digits, with optional blanks between them.
    private static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            if character == UInt8(ascii: " ") {
                guard high == nil else { return nil }
                continue
            }
            guard AddressText.isHexadecimal(character) else { return nil }
            // 'a' is 0x61 and 'A' is 0x41: the low four bits, plus nine.
            let digit = character <= UInt8(ascii: "9") ? character & 0xF : (character & 0xF) + 9
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil && !bytes.isEmpty ? bytes : nil
    }
}

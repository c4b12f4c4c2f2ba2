// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import GuestNodes
internal import Passthrough

/// A property of a device in the configuration that must be a reference, but is text: devicetree source has `<&phy>`
/// where JSON has `{"phandle": "phy"}`.
struct PropertyText {
    /// The property.
    let name: String
    /// Its strings.
    let strings: [String]

    /// Nil for a property that may be text.
    init?(_ property: DeviceTreeProperty) {
        guard case .strings(let strings) = property.value, LostReference.isKnown(property: property.name) else {
            return nil
        }
        name = property.name
        self.strings = strings
    }

    /// - Parameter key: the JSON path of the property.
    func error(key: String) -> MachineError {
        .referenceText(
            key: key, property: name, found: strings.map { "\"\($0)\"" }.joined(separator: ", "), form: form)
    }

    /// The text in the JSON form for references and numbers.
    private var form: String {
        var cells: [String] = []
        for string in strings {
            for word in string.split(whereSeparator: { " \t<>,()".contains($0) }) {
                if UInt32(word) != nil {
                    cells.append(String(word))
                } else if word.hasPrefix("0x"), let number = UInt32(word.dropFirst(2), radix: 16) {
                    cells.append("\(number)")
                } else {
                    let label = word.hasPrefix("&") ? word.dropFirst() : word
                    guard Self.isLabel(label) else { return "{\"phandle\": \"LABEL\"}" }
                    cells.append("{\"phandle\": \"\(label)\"}")
                }
            }
        }
        if cells.isEmpty { return "{\"phandle\": \"LABEL\"}" }
        return cells.count == 1 ? cells[0] : "[\(cells.joined(separator: ", "))]"
    }

    private static func isLabel(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first) else { return false }
        return text.utf8.allSatisfy {
            0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || $0 == UInt8(ascii: "_")
        }
    }
}

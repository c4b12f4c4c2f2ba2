// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

extension Tree: CustomStringConvertible {
    /// The tree as devicetree source, which dtc compiles to the same tree.
    public var description: String {
        var text = "/dts-v1/;\n"
        for reservation in reservations {
            text +=
                "/memreserve/ \(hex(reservation.address)) \(hex(reservation.size));\n"
        }
        text += "\n"
        root.writeSource(to: &text, indentation: "")
        return text
    }
}

extension Node: CustomStringConvertible {
    /// The node as devicetree source.
    public var description: String {
        var text = ""
        writeSource(to: &text, indentation: "")
        return text
    }

    fileprivate func writeSource(to text: inout String, indentation: String) {
        text += "\(indentation)\(name.isEmpty ? "/" : name) {\n"
        for property in properties {
            let value = property.value.description
            text += "\(indentation)    \(property.name)\(value.isEmpty ? "" : " = ")\(value);\n"
        }
        for child in children { child.writeSource(to: &text, indentation: indentation + "    ") }
        text += "\(indentation)};\n"
    }
}

extension PropertyValue: CustomStringConvertible {
    /// The value as devicetree source: strings if all of it is printable, otherwise cells, otherwise bytes; "" if
    /// empty.
    public var description: String {
        if bytes.isEmpty { return "" }
        if let strings, strings.allSatisfy(Self.isPrintable) {
            return strings.map { "\"\(Self.escaped($0))\"" }.joined(separator: ", ")
        }
        if let cells { return "<" + cells.map { hex($0) }.joined(separator: " ") + ">" }
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return "[" + digits.joined(separator: " ") + "]"
    }

    private static func isPrintable(_ string: String) -> Bool {
        !string.isEmpty && string.utf8.allSatisfy { UInt8(ascii: " ")...UInt8(ascii: "~") ~= $0 }
    }

    private static func escaped(_ string: String) -> String {
        string.reduce(into: "") { escaped, character in
            if character == "\"" || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
    }
}

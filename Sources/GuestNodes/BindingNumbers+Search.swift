// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension BindingNumbers {
    /// The endings of names that give the unit of a number.
    /// - SeeAlso: dt-schema, schemas/property-units.yaml
    private static let units = [
        "-bits", "-bps", "-bp", "-bytes", "-celsius", "-db", "-femtofarads", "-hz", "-kBps", "-kpascal", "-mhz",
        "-micro-ohms", "-microamp", "-microamp-hours", "-microvolt", "-microwatt-hours", "-millicelsius", "-mm", "-ms",
        "-nanoamp", "-ns", "-ohms", "-percent", "-picofarads", "-ps", "-sec", "-us",
    ]

    /// Whether a property with this name is a number. The list is searched from its beginning, because this is rarely
    /// needed.
    static func contains(_ name: String) -> Bool {
        if units.contains(where: name.hasSuffix) { return true }
        return names.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.contains {
            $0.elementsEqual(name.utf8)
        }
    }
}

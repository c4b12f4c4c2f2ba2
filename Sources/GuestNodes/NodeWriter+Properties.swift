// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// Handles one property after the other, according to its name.
extension NodeWriter {
    /// Writes one property according to its role.
    mutating func write(
        _ property: Property, of source: Node, place: String, to node: inout Node
    ) throws(DeviceTreeError) {
        switch PropertyRole(property.name, of: source) {
        case .reference(let rule):
            // A GPIO hog has only cells of its own controller, without a phandle (binding gpio/gpio.txt).
            let isHog = property.name == "gpios" && source[property: "gpio-hog"] != nil
            // Some names are flags in one binding and references in another.
            let isFlag = property.value.bytes.isEmpty && ReferenceRule.byBindings(property.name) != nil
            if isHog || isFlag {
                copy(property, place: place, to: &node)
            } else {
                try write(property, rule, of: source, place: place, to: &node)
            }
        case .names(let owner):
            if source[property: owner] == nil { copy(property, place: place, to: &node) }
        case .dropped(let reason):
            note(place, property.name, .dropped, .role(reason))
        case .data: copy(property, place: place, to: &node)
        case .unknown:
            if property.value.bytes.isEmpty || property.value.bytes.count % 4 != 0 || property.name.hasPrefix("#") {
                copy(property, place: place, to: &node)
            } else {
                try writeUnknown(property, place: place, to: &node)
            }
        }
    }

    /// Writes an unknown property. It counts as a reference if all its numbers are phandles of nodes that the guest
    /// has, and no other property explains why these nodes have phandles.
    private mutating func writeUnknown(
        _ property: Property, place: String, to node: inout Node
    ) throws(DeviceTreeError) {
        if passed.contains(allOf: property.value), let cells = property.value.cells {
            let unexplained = try tree.unexplainedPhandles(ReferenceRule.isReference)
            if cells.allSatisfy(unexplained.contains), !BindingNumbers.contains(property.name) {
                var value = PropertyValue.empty
                var paths: [String] = []
                for cell in cells {
                    guard let folder = Phandle(rawValue: cell).flatMap({ passed.folder(of: $0) }) else { continue }
                    value.append(phandle: try passed.guestPhandle(of: folder, &shared))
                    paths.append(tree.path(folder))
                }
                node.properties.append(Property(property.name, value))
                note(place, property.name, .rewritten, .takenForReference(paths))
                return
            }
        }
        copy(property, place: place, to: &node)
        var reader = property.value.reader
        // Names without a vendor's prefix belong to common bindings.
        guard explains, property.name.utf8.contains(UInt8(ascii: ",")), let suspect = reader.phandle(),
            passed.folder(of: suspect) == nil,
            let folder = try tree.folder(of: suspect),
            try tree.unexplainedPhandles(ReferenceRule.isReference).contains(suspect.rawValue),
            !BindingNumbers.contains(property.name)
        else { return }
        fates.removeLast()
        note(place, property.name, .copied, .maybeReference(tree.path(folder)))
        fates[fates.count - 1].advice =
            "If it refers to that node, delete it (device_tree.delete): the guest has no such node."
    }

    private mutating func copy(_ property: Property, place: String, to node: inout Node) {
        node.properties.append(property)
        note(place, property.name, .copied, .plainData)
    }
}

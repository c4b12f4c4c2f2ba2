// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension Tree {
    /// Adds everything in `other` to this tree.
    ///
    /// Nodes are matched by their names. If both have a property, that of `other` wins. The reservations of `other` are
    /// added to the existing ones.
    /// - Returns: the properties whose values were replaced, in document order.
    public mutating func merge(_ other: Tree) -> [ReplacedProperty] {
        for reservation in other.reservations where !reservations.contains(reservation) {
            reservations.append(reservation)
        }
        var replaced: [ReplacedProperty] = []
        root.merge(other.root, at: "", &replaced)
        return replaced
    }

    /// A property whose value was replaced.
    public struct ReplacedProperty: Equatable, Sendable {
        /// The path of its node.
        public var node: String
        /// The property with its former value.
        public var property: Property
    }
}

extension Node {
    fileprivate mutating func merge(_ other: Node, at path: String, _ replaced: inout [Tree.ReplacedProperty]) {
        for property in other.properties {
            if let value = self[property: property.name], value != property.value {
                replaced.append(.init(node: path.isEmpty ? "/" : path, property: Property(property.name, value)))
            }
            self[property: property.name] = property.value
        }
        for child in other.children {
            if let index = children.firstIndex(where: { $0.name == child.name }) {
                children[index].merge(child, at: "\(path)/\(child.name)", &replaced)
            } else {
                children.append(child)
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A node of a devicetree: a name, properties and child nodes, both in order.
///
/// A plain value that can be changed freely; names and duplicates are checked when a tree is written or read.
/// - SeeAlso: Devicetree Specification v0.4, 2.2
public struct Node: Equatable, Sendable {
    /// The name with its unit address, if any: "serial@9000000". Empty for the root.
    public var name: String
    /// The properties in the order of the blob.
    public var properties: [Property]
    /// The child nodes in the order of the blob.
    public var children: [Node]

    /// A node with these parts.
    public init(_ name: String, properties: [Property] = [], children: [Node] = []) {
        self.name = name
        self.properties = properties
        self.children = children
    }

    /// A node whose properties are given as `["reg": .cells([0]), "status": .string("okay")]`.
    public init(_ name: String, _ properties: KeyValuePairs<String, PropertyValue>, children: [Node] = []) {
        self.init(name, properties: properties.map { Property($0.key, $0.value) }, children: children)
    }

    /// The name without its unit address.
    public var baseName: Substring { name.prefix { $0 != "@" } }

    /// The part of the name after "@"; nil if there is none.
    public var unitAddress: Substring? {
        guard let at = name.firstIndex(of: "@") else { return nil }
        return name[name.index(after: at)...]
    }

    /// The value of a property; nil if there is none.
    ///
    /// Setting it replaces the value; a new property is added at the end; nil removes the property.
    public subscript(property name: String) -> PropertyValue? {
        get {
            for property in properties where property.name == name { return property.value }
            return nil
        }
        set {
            let index = properties.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): properties[index].value = value
            case (let index?, nil): properties.remove(at: index)
            case (nil, let value?): properties.append(Property(name, value))
            case (nil, nil): break
            }
        }
    }

    /// The node's own phandle: its `phandle` property, or the `linux,phandle` of old trees.
    ///
    /// Setting it writes `phandle` and removes the old spelling; nil removes both.
    public var phandle: Phandle? {
        get { self[property: "phandle"]?.phandle ?? self[property: "linux,phandle"]?.phandle }
        set {
            self[property: "linux,phandle"] = nil
            self[property: "phandle"] = newValue.map { .phandle($0) }
        }
    }

    /// The index in `children` of the child that `name` means.
    ///
    /// That is the child with exactly this name. For a name without "@" it may also be the only child with this name
    /// and a unit address (Devicetree Specification v0.4, 2.2.3: the unit address may be omitted if the name is
    /// unambiguous).
    public func childIndex(named name: some StringProtocol) -> Int? {
        if let index = children.firstIndex(where: { $0.name == name }) { return index }
        guard !name.contains("@") else { return nil }
        var found: Int?
        for (index, child) in children.enumerated() where child.baseName == name {
            guard found == nil else { return nil }
            found = index
        }
        return found
    }

    /// The child that `name` means; nil if there is none.
    /// - SeeAlso: `childIndex(named:)` for when the unit address may be omitted
    public func child(named name: some StringProtocol) -> Node? {
        childIndex(named: name).map { children[$0] }
    }

    /// Adds a child at the end.
    /// - Throws: `DeviceTreeError.duplicateNode` when a child has exactly this name.
    public mutating func add(_ child: Node) throws(DeviceTreeError) {
        guard !children.contains(where: { $0.name == child.name }) else {
            throw .duplicateNode(path: name.isEmpty ? "/\(child.name)" : "\(name)/\(child.name)")
        }
        children.append(child)
    }

    /// Replaces the child that has exactly this name, or adds `child` at the end if there is none.
    public mutating func replace(_ child: Node) {
        if let index = children.firstIndex(where: { $0.name == child.name }) {
            children[index] = child
        } else {
            children.append(child)
        }
    }

    /// Removes the child with exactly this name and returns it; nil if there is none.
    @discardableResult
    public mutating func removeChild(named name: String) -> Node? {
        guard let index = children.firstIndex(where: { $0.name == name }) else { return nil }
        return children.remove(at: index)
    }

    /// The node below this one at a path such as "soc/serial@9000000"; nil if there is none.
    ///
    /// Slashes at the ends of the path are ignored.
    /// - SeeAlso: `childIndex(named:)` for when the unit address may be omitted
    public func node(at path: String) -> Node? {
        var node = self
        for name in path.split(separator: "/") {
            guard let child = node.child(named: name) else { return nil }
            node = child
        }
        return node
    }

    /// Changes the node below this one at a path in place.
    ///
    /// Returns nil, without calling `change`, if there is none.
    @discardableResult
    public mutating func update<Result, Failure: Error>(
        at path: String, _ change: (inout Node) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        try update(at: path.split(separator: "/")[...], change)
    }

    private mutating func update<Result, Failure: Error>(
        at names: ArraySlice<Substring>, _ change: (inout Node) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let name = names.first else { return try change(&self) }
        guard let index = childIndex(named: name) else { return nil }
        return try children[index].update(at: names.dropFirst(), change)
    }
}

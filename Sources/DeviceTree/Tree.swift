// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A devicetree: the content of a flattened devicetree blob (DTB) as plain values.
///
/// Nothing is checked while a tree is built; `serialized` checks all of it. The blob's `boot_cpuid_phys` is not kept:
/// it is 0 on arm64.
/// - SeeAlso: Devicetree Specification v0.4, chapters 2 and 5
public struct Tree: Equatable, Sendable {
    /// The root node, whose name is empty.
    public var root: Node
    /// Memory that the guest must not use, in the order of the blob's memory reservation block.
    public var reservations: [MemoryReservation]

    /// A tree with `root`, which is empty by default.
    public init(root: Node = Node(""), reservations: [MemoryReservation] = []) {
        self.root = root
        self.reservations = reservations
    }

    /// The node at an absolute path ("/soc/serial@9000000", "/"); nil if there is none.
    /// - SeeAlso: `Node.child(named:)` for when a unit address may be omitted
    public func node(at path: String) -> Node? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        return root.node(at: path)
    }

    /// Changes the node at an absolute path in place.
    ///
    /// Returns nil, without calling `change`, if there is none.
    @discardableResult
    public mutating func update<Result, Failure: Error>(
        at path: String, _ change: (inout Node) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        return try root.update(at: path, change)
    }

    /// The absolute path of the node with `phandle`; nil if there is none.
    ///
    /// If several have it, the first in document order counts.
    public func path(of phandle: Phandle) -> String? {
        Self.path(of: phandle, in: root, at: "")
    }

    private static func path(of phandle: Phandle, in node: Node, at path: String) -> String? {
        if node.phandle == phandle { return path.isEmpty ? "/" : path }
        for child in node.children {
            if let found = Self.path(of: phandle, in: child, at: "\(path)/\(child.name)") { return found }
        }
        return nil
    }
}

/// A range of physical memory that the guest's kernel must not use.
/// - SeeAlso: Devicetree Specification v0.4, 5.3
public struct MemoryReservation: Equatable, Sendable {
    /// The first byte's physical address.
    public var address: UInt64
    /// The length in bytes. Not 0: that would end the list in the blob.
    public var size: UInt64

    /// A reservation of `size` bytes from `address`.
    public init(address: UInt64, size: UInt64) {
        self.address = address
        self.size = size
    }
}

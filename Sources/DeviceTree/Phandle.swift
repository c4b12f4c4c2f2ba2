// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A number by which one node of a tree refers to another.
///
/// 0 and 0xFFFFFFFF are not phandles (dtc and libfdt reserve both).
/// - SeeAlso: Devicetree Specification v0.4, 2.3.3
public struct Phandle: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number in a property.
    public let rawValue: UInt32

    /// Nil for the two numbers that are not phandles.
    public init?(rawValue: UInt32) {
        guard rawValue != 0, rawValue != .max else { return nil }
        self.rawValue = rawValue
    }

    /// Compares the numbers.
    public static func < (one: Phandle, other: Phandle) -> Bool { one.rawValue < other.rawValue }
}

/// Allocates phandles that no node of a tree has yet.
public struct PhandleAllocator: Sendable {
    private var taken: Set<UInt32> = []
    private var next: UInt32 = 1

    /// An allocator for a tree without phandles.
    public init() {}

    /// An allocator that avoids the phandles of `tree`.
    public init(avoiding tree: Tree) { reserve(tree.root) }

    /// Reserves every phandle of `node` and of the nodes below it.
    public mutating func reserve(_ node: Node) {
        if let phandle = node.phandle { reserve(phandle) }
        // If both spellings are there, both count, even if they differ.
        if let legacy = node[property: "linux,phandle"]?.phandle { reserve(legacy) }
        for child in node.children { reserve(child) }
    }

    /// Reserves `phandle`, so that it isn't allocated.
    public mutating func reserve(_ phandle: Phandle) {
        if mayHandOut(phandle) { taken.insert(phandle.rawValue) }
    }

    /// Whether `phandle` may still be allocated, unless it is reserved.
    public func mayHandOut(_ phandle: Phandle) -> Bool { phandle.rawValue >= next }

    /// Allocates only phandles above `highest` from now on; has no effect if that would leave fewer than 2^20.
    public mutating func begin(above highest: Phandle) {
        guard highest.rawValue < UInt32.max - 1 << 20 else { return }
        next = max(next, highest.rawValue + 1)
    }

    /// Allocates the lowest phandle that is neither reserved nor allocated.
    /// - Throws: `DeviceTreeError.noPhandleLeft`
    public mutating func allocate() throws(DeviceTreeError) -> Phandle {
        while let phandle = Phandle(rawValue: next) {
            next += 1
            // All allocated phandles lie below `next`, so `taken` only needs those that were reserved.
            if taken.isEmpty || !taken.contains(phandle.rawValue) { return phandle }
        }
        throw .noPhandleLeft
    }
}

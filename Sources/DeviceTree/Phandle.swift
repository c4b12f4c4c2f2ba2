// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A number by which one node of a tree refers to another. 0 and 0xFFFFFFFF are none (dtc and libfdt reserve both).
/// - SeeAlso: Devicetree Specification v0.4, 2.3.3
public struct Phandle: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number as it stands in a property.
    public let rawValue: UInt32

    /// Nil for the two numbers that are no phandles.
    public init?(rawValue: UInt32) {
        guard rawValue != 0, rawValue != .max else { return nil }
        self.rawValue = rawValue
    }

    /// By number.
    public static func < (one: Phandle, other: Phandle) -> Bool { one.rawValue < other.rawValue }
}

/// Hands out phandles that no node of a tree has yet.
public struct PhandleAllocator: Sendable {
    private var taken: Set<UInt32> = []
    private var next: UInt32 = 1

    /// An allocator for a tree without phandles so far.
    public init() {}

    /// An allocator for `tree`.
    public init(avoiding tree: Tree) { reserve(tree.root) }

    /// Keeps every phandle of `node` and what is below it from being handed out.
    public mutating func reserve(_ node: Node) {
        if let phandle = node.phandle { reserve(phandle) }
        // Both spellings count where both are there, even if they differ.
        if let legacy = node[property: "linux,phandle"]?.phandle { reserve(legacy) }
        for child in node.children { reserve(child) }
    }

    /// Keeps `phandle` from being handed out.
    public mutating func reserve(_ phandle: Phandle) {
        if mayHandOut(phandle) { taken.insert(phandle.rawValue) }
    }

    /// Whether `phandle` is still to come, if nothing reserves it.
    public func mayHandOut(_ phandle: Phandle) -> Bool { phandle.rawValue >= next }

    /// Hands out only phandles above `highest` from now on; as before where that would leave fewer than 2^20.
    public mutating func begin(above highest: Phandle) {
        guard highest.rawValue < UInt32.max - 1 << 20 else { return }
        next = max(next, highest.rawValue + 1)
    }

    /// A phandle that was neither reserved nor handed out before: the lowest.
    /// - Throws: `DeviceTreeError.noPhandleLeft`
    public mutating func allocate() throws(DeviceTreeError) -> Phandle {
        while let phandle = Phandle(rawValue: next) {
            next += 1
            // All that was handed out lies below `next`, so `taken` need only hold what was reserved.
            if taken.isEmpty || !taken.contains(phandle.rawValue) { return phandle }
        }
        throw .noPhandleLeft
    }
}

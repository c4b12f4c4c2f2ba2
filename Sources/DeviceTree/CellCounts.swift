// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How many cells the addresses and sizes of a node's children have: its `#address-cells` and `#size-cells`.
/// - SeeAlso: Devicetree Specification v0.4, 2.3.5
public struct CellCounts: Equatable, Sendable {
    /// `#address-cells`.
    public var address: Int
    /// `#size-cells`.
    public var size: Int

    /// Counts of cells, 0 or more.
    public init(address: Int, size: Int) {
        self.address = address
        self.size = size
    }

    /// The counts for a node without these properties: two cells for an address, one for a size.
    public static var unspecified: CellCounts { CellCounts(address: 2, size: 1) }
}

/// One entry of a `reg` property: a block of registers, or of memory.
/// - SeeAlso: Devicetree Specification v0.4, 2.3.6
public struct RegisterBlock: Equatable, Sendable {
    /// The first byte's address on the parent's bus.
    public var address: UInt64
    /// The length in bytes; 0 if the bus has no sizes (`#size-cells` of 0).
    public var size: UInt64

    /// A block of `size` bytes from `address`.
    public init(address: UInt64, size: UInt64) {
        self.address = address
        self.size = size
    }
}

/// One entry of a `ranges` property: the place of a range of a bus's addresses in its parent's address space.
/// - SeeAlso: Devicetree Specification v0.4, 2.3.8
public struct BusRange: Equatable, Sendable {
    /// The first address on the bus itself.
    public var child: UInt64
    /// The same address on the parent's bus.
    public var parent: UInt64
    /// The length in bytes.
    public var size: UInt64

    /// A range of `size` bytes: `child` on the bus is `parent` on the bus above.
    public init(child: UInt64, parent: UInt64, size: UInt64) {
        self.child = child
        self.parent = parent
        self.size = size
    }
}

extension PropertyValue {
    /// The value of a `reg` property.
    /// - Parameter counts: The cell counts of the *parent* of the node that gets the property.
    /// - Throws: `DeviceTreeError.numberTooWide`, `.unsupportedCellCount` (only 0, 1 and 2 cells can be written).
    public static func reg(_ blocks: [RegisterBlock], counts: CellCounts) throws(DeviceTreeError) -> PropertyValue {
        var value = PropertyValue()
        // At most two cells for each number.
        value.reserve(byteCount: blocks.count * 16)
        for block in blocks {
            try value.append(block.address, cellCount: counts.address, field: "reg address")
            try value.append(block.size, cellCount: counts.size, field: "reg size")
        }
        return value
    }

    /// The value of a `ranges` property.
    /// - Parameters:
    ///   - counts: The cell counts of the node that gets the property.
    ///   - parentAddressCells: `#address-cells` of its parent.
    /// - Throws: `DeviceTreeError.numberTooWide`, `.unsupportedCellCount` (only 0, 1 and 2 cells can be written).
    public static func ranges(
        _ ranges: [BusRange], counts: CellCounts, parentAddressCells: Int
    ) throws(DeviceTreeError) -> PropertyValue {
        var value = PropertyValue()
        value.reserve(byteCount: ranges.count * 24)
        for range in ranges {
            try value.append(range.child, cellCount: counts.address, field: "ranges child address")
            try value.append(range.parent, cellCount: parentAddressCells, field: "ranges parent address")
            try value.append(range.size, cellCount: counts.size, field: "ranges size")
        }
        return value
    }

    /// Reads the value as the blocks of a `reg` property.
    ///
    /// Nil unless its length is a multiple of an entry's, and the counts are at most 2 and not both 0.
    /// - Parameter counts: The cell counts of the parent of the node that has the property.
    public func registerBlocks(counts: CellCounts) -> [RegisterBlock]? {
        guard 0...2 ~= counts.address, 0...2 ~= counts.size else { return nil }
        let entrySize = 4 * (counts.address + counts.size)
        guard entrySize > 0, bytes.count % entrySize == 0 else { return nil }
        var blocks: [RegisterBlock] = []
        var reader = reader
        while reader.remainingByteCount > 0,
            let address = reader.number(cellCount: counts.address), let size = reader.number(cellCount: counts.size)
        {
            blocks.append(RegisterBlock(address: address, size: size))
        }
        return blocks
    }
}

extension Node {
    /// The node's own `#address-cells` and `#size-cells`; the specification's 2 and 1 if they are missing.
    /// - Throws: `DeviceTreeError.invalidCellCount` when one is not a cell of 0 to 4 (Linux's `OF_MAX_ADDR_CELLS`).
    public func cellCounts() throws(DeviceTreeError) -> CellCounts {
        CellCounts(
            address: try cellCount("#address-cells") ?? CellCounts.unspecified.address,
            size: try cellCount("#size-cells") ?? CellCounts.unspecified.size)
    }

    private func cellCount(_ property: String) throws(DeviceTreeError) -> Int? {
        guard let value = self[property: property] else { return nil }
        guard let count = value.cell, count <= 4 else { throw .invalidCellCount(property: property, node: name) }
        return Int(count)
    }
}

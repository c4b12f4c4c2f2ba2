// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import LinuxSystem

/// Reads single properties of the host's live device tree, each file once.
///
/// A node is the path of its folder. Used by one thread, for one question.
final class HostProperties {
    private let system: any SystemCalls
    private var known: [String: PropertyValue?] = [:]

    init(system: any SystemCalls) { self.system = system }

    /// The value, or nil where there is no such property or it can't be read.
    func value(_ name: String, of node: String) -> PropertyValue? {
        let path = "\(node)/\(name)"
        if let value = known[path] { return value }
        let value = (try? system.readFile(path, limit: 65536)).map { PropertyValue(bytes: $0) }
        known[path] = .some(value)
        return value
    }

    /// The node's `#address-cells` and `#size-cells` for its children.
    func cellCounts(of node: String) -> CellCounts {
        CellCounts(
            address: value("#address-cells", of: node)?.cell.map(Int.init) ?? CellCounts.unspecified.address,
            size: value("#size-cells", of: node)?.cell.map(Int.init) ?? CellCounts.unspecified.size)
    }

    /// The node above, or nil above the tree's root, which is called "base".
    static func parent(of node: String) -> String? {
        guard let slash = node.lastIndex(of: "/"), !node.hasSuffix("/base") else { return nil }
        return String(node[..<slash])
    }
}

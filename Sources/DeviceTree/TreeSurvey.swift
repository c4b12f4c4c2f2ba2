// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Checks a whole tree before it is written, and computes the length of its blob.
///
/// The length is exact for libfdt's current layout of blobs, so that the buffer, which libfdt clears, is neither too
/// large nor has to grow.
struct TreeSurvey {
    /// The blob's length in bytes.
    private(set) var byteCount: Int

    private let limits: Tree.Limits
    private var nodeCount = 0
    /// The names from the root to the current node, for errors.
    private var names: [String] = []

    /// - Throws: `DeviceTreeError` for the first problem of the tree.
    init(_ tree: Tree, limits: Tree.Limits) throws(DeviceTreeError) {
        // libfdt counts in C's int.
        var limits = limits
        limits.byteCount = min(limits.byteCount, Int(Int32.max))
        self.limits = limits
        // The header of 40 bytes, aligned as the memory reservation block requires; that block with its end; FDT_END.
        byteCount = 48 + 16 + 4
        for reservation in tree.reservations {
            guard reservation.size != 0 else { throw .emptyReservation(address: reservation.address) }
            try grow(16)
        }
        guard tree.root.name.isEmpty else {
            throw .invalidNodeName(
                tree.root.name, parent: "/", .tooLong(length: tree.root.name.utf8.count, limit: 0))
        }
        try visit(tree.root)
    }

    /// The path of the current node.
    private var path: String { TreeSurvey.path(names) }

    /// The path of these names, of which the first is the root's empty one.
    static func path(_ names: some Collection<String>) -> String {
        names.count > 1 ? names.joined(separator: "/") : "/"
    }

    private mutating func visit(_ node: Node) throws(DeviceTreeError) {
        names.append(node.name)
        nodeCount += 1
        guard names.count <= limits.depth else {
            throw .limitExceeded(.depth, limit: limits.depth, place: path)
        }
        guard nodeCount <= limits.nodeCount else {
            throw .limitExceeded(.nodeCount, limit: limits.nodeCount, place: path)
        }
        // FDT_BEGIN_NODE, the name with its NUL in whole cells, FDT_END_NODE.
        try grow(8 + (node.name.utf8.count & ~3) + 4)

        for property in node.properties {
            if let problem = NameProblem.ofProperty(property.name, limits: limits) {
                throw .invalidPropertyName(property.name, node: path, problem)
            }
            // FDT_PROP, length, name's offset, the value in whole cells; the name in the strings block.
            let valueSize = property.value.bytes.count
            guard valueSize <= limits.byteCount else { throw overflow }
            try grow(12 + ((valueSize + 3) & ~3) + property.name.utf8.count + 1)
        }
        if let name = firstDuplicate(node.properties, by: { $0.name }) {
            throw .duplicateProperty(name, node: path)
        }
        for child in node.children {
            if let problem = NameProblem.ofNode(child.name, limits: limits) {
                throw .invalidNodeName(child.name, parent: path, problem)
            }
            try visit(child)
        }
        if let name = firstDuplicate(node.children, by: { $0.name }) {
            throw .duplicateNode(path: TreeSurvey.path(names + [name]))
        }
        names.removeLast()
    }

    private var overflow: DeviceTreeError { .limitExceeded(.byteCount, limit: limits.byteCount, place: path) }

    private mutating func grow(_ count: Int) throws(DeviceTreeError) {
        let (sum, overflowed) = byteCount.addingReportingOverflow(count)
        guard !overflowed, sum <= limits.byteCount else { throw overflow }
        byteCount = sum
    }
}

/// The first name that an earlier element has too; nil if there is none.
func firstDuplicate<Element>(_ elements: [Element], by name: (Element) -> String) -> String? {
    // Most nodes are small, and then comparing all pairs is faster than hashing. Large ones must not take quadratic
    // time.
    guard elements.count > 16 else {
        for (index, element) in elements.enumerated() {
            for earlier in elements[..<index] where name(earlier) == name(element) { return name(element) }
        }
        return nil
    }
    var seen: Set<String> = []
    seen.reserveCapacity(elements.count)
    for element in elements where !seen.insert(name(element)).inserted { return name(element) }
    return nil
}

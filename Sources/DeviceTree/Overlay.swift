// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A devicetree overlay, read and checked: fragments that are applied to nodes of a tree, and the tree's labels that it
/// refers to.
///
/// libfdt trusts the places in the overlay that `__fixups__` and `__local_fixups__` name. So each is checked here,
/// wherever the blob comes from, before libfdt uses it.
/// - SeeAlso: dtc, Documentation/dt-object-internal.txt
public struct Overlay: Equatable, Sendable {
    /// A place that gets the phandle of the node with a label.
    public struct Reference: Equatable, Sendable {
        /// The label of a node in the tree to which the overlay is applied.
        public var label: String
        /// The path of the overlay's node with the reference.
        public var node: String
        /// The property with the reference.
        public var property: String
        /// The offset in the property, in bytes.
        public var offset: Int
    }

    /// The overlay's name in errors: its file.
    public let name: String
    /// The overlay as a tree.
    public internal(set) var tree: Tree
    /// All labels that it refers to, in the order of `__fixups__`.
    public let references: [Reference]

    /// 256 KiB: libfdt moves everything behind a property when it sets one, so a large overlay takes quadratic time.
    public static var maximumByteCount: Int { 256 << 10 }

    /// Reads a blob that dtc made from a source with `/plugin/`.
    ///
    /// It may come from anywhere: nothing in it is trusted.
    /// - Throws: `DeviceTreeError.overlay`
    public init(parsing blob: [UInt8], name: String) throws(DeviceTreeError) {
        var limits = Tree.Limits.ofHosts
        limits.byteCount = Self.maximumByteCount
        do { tree = try Tree(parsing: blob, limits: limits) } catch { throw .overlay(name, .tree(error)) }
        self.name = name
        guard tree.root.children.contains(where: { $0.child(exactly: "__overlay__") != nil }) else {
            throw .overlay(name, .noFragment)
        }
        do throws(OverlayProblem) {
            references = try Self.references(of: tree)
            if let places = tree.root.child(exactly: "__local_fixups__") {
                try Self.check(places, against: tree.root, at: "")
            }
            try Self.checkTexts(of: tree)
        } catch { throw .overlay(name, error) }
    }

    /// The fragments: children of the root with an `__overlay__` node.
    var fragments: [Node] { tree.root.children.filter { $0.child(exactly: "__overlay__") != nil } }

    /// Reads `__fixups__`: for each label, strings of the form "/path/of/node:property:offset".
    private static func references(of tree: Tree) throws(OverlayProblem) -> [Reference] {
        guard let fixups = tree.root.child(exactly: "__fixups__") else { return [] }
        var references: [Reference] = []
        for label in fixups.properties {
            guard let places = label.value.strings else { throw .badReference(label: label.name, place: nil) }
            for place in places {
                let parts = place.split(separator: ":", omittingEmptySubsequences: false)
                guard parts.count == 3, let offset = decimal(parts[2]),
                    let node = tree.node(exactly: parts[0]), let value = node[property: String(parts[1])],
                    holdsCell(value, at: offset)
                else { throw .badReference(label: label.name, place: place) }
                references.append(
                    Reference(
                        label: label.name, node: String(parts[0]), property: String(parts[1]), offset: offset))
            }
        }
        return references
    }

    /// Checks `__local_fixups__`: it has the overlay's nodes and properties, and each property has the offsets of
    /// references in the overlay's property.
    private static func check(_ places: Node, against node: Node, at path: String) throws(OverlayProblem) {
        for property in places.properties {
            guard let offsets = property.value.cells, let value = node[property: property.name],
                offsets.allSatisfy({ holdsCell(value, at: Int($0)) })
            else { throw .badLocalReference(node: path.isEmpty ? "/" : path, property: property.name) }
        }
        for child in places.children {
            guard let namesake = node.child(exactly: child.name) else {
                throw .badLocalReference(node: "\(path)/\(child.name)", property: nil)
            }
            try check(child, against: namesake, at: "\(path)/\(child.name)")
        }
    }

    /// Checks the values that libfdt reads as strings without looking for their ends.
    private static func checkTexts(of tree: Tree) throws(OverlayProblem) {
        for fragment in tree.root.children where fragment.child(exactly: "__overlay__") != nil {
            if fragment[property: "target"] != nil { continue }
            // The path may begin with an alias, which is looked up in the tree.
            guard fragment[property: "target-path"]?.string?.isEmpty == false else {
                throw .badTarget(fragment: "/\(fragment.name)")
            }
        }
        for symbol in tree.root.child(exactly: "__symbols__")?.properties ?? []
        where symbol.value.string?.utf8.first != UInt8(ascii: "/") {
            throw .badSymbol(symbol.name)
        }
    }

    private static func holdsCell(_ value: PropertyValue, at offset: Int) -> Bool {
        let (end, overflow) = offset.addingReportingOverflow(4)
        return !overflow && end <= value.bytes.count
    }

    /// A number of digits only: libfdt would also accept signs and blanks.
    private static func decimal(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(text) : nil
    }
}

/// Why an overlay is invalid or can't be applied.
public indirect enum OverlayProblem: Error, Equatable, Sendable {
    /// It is not a valid tree.
    case tree(DeviceTreeError)
    /// The tree has no fragments.
    case noFragment
    /// There is no `target`, and `target-path` is neither a path nor an alias.
    case badTarget(fragment: String)
    /// The value of a label in `__symbols__` is not a path.
    case badSymbol(String)
    /// `__fixups__` names a place that isn't in the overlay; nil if it isn't text.
    case badReference(label: String, place: String?)
    /// `__local_fixups__` names a place that isn't in the overlay; nil for a node.
    case badLocalReference(node: String, property: String?)
    /// The tree has no such label; `known` are its labels.
    case unknownLabel(String, node: String, property: String, known: [String])
    /// The tree has no node at the fragment's `target-path`.
    case noTarget(fragment: String, path: String)
    /// The fragment's `target-path` begins with an alias that the tree doesn't have, or that is not a path; `known` are
    /// the tree's aliases.
    case noAlias(fragment: String, alias: String, known: [String])
    /// libfdt gave a node of the tree another phandle, so references to it have lost their target.
    case phandleLost(node: String)
    /// libfdt refuses it; `code` is its result, a negated `FDT_ERR_` number.
    case library(code: Int32)
}

extension Node {
    /// The child with exactly this name: overlays don't omit unit addresses.
    public func child(exactly name: some StringProtocol) -> Node? { children.first { $0.name == name } }
}

extension Tree {
    /// The node at an absolute path without omitted unit addresses.
    func node(exactly path: Substring) -> Node? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        if path == "/" { return root }
        var node = root
        for name in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let child = node.child(exactly: name) else { return nil }
            node = child
        }
        return node
    }
}

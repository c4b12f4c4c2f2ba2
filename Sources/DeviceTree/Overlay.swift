// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A devicetree overlay, read and checked: fragments that are laid over nodes of a tree, and the labels that they want
/// of it.
///
/// libfdt trusts what `__fixups__` and `__local_fixups__` say of places in the overlay. So each is checked here, from
/// whatever source the blob is, before libfdt gets to see it.
/// - SeeAlso: dtc, Documentation/dt-object-internal.txt
public struct Overlay: Equatable, Sendable {
    /// A place that is to hold the phandle of the node with a label.
    public struct Reference: Equatable, Sendable {
        /// The label of a node of the tree that the overlay is for.
        public var label: String
        /// The path of the overlay's node that refers to it.
        public var node: String
        /// The property that does.
        public var property: String
        /// In bytes from the property's start.
        public var offset: Int
    }

    /// What errors call it: its file.
    public let name: String
    /// The overlay as the tree that it is.
    public internal(set) var tree: Tree
    /// All labels that it wants, in the order of `__fixups__`.
    public let references: [Reference]

    /// 256 KiB: libfdt moves all that is behind a property when it sets one, so a large overlay takes quadratic time.
    public static var maximumByteCount: Int { 256 << 10 }

    /// Reads a blob that dtc made of a source with `/plugin/`, from any source: nothing in it is trusted.
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

    /// The fragments: children of the root with something to lay over a node.
    var fragments: [Node] { tree.root.children.filter { $0.child(exactly: "__overlay__") != nil } }

    /// `__fixups__`: for each label strings of the form "/path/of/node:property:offset".
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

    /// `__local_fixups__`: nodes and properties as in the overlay, each property with offsets in its namesake.
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

    /// What libfdt takes for strings without looking for their ends.
    private static func checkTexts(of tree: Tree) throws(OverlayProblem) {
        for fragment in tree.root.children where fragment.child(exactly: "__overlay__") != nil {
            if fragment[property: "target"] != nil { continue }
            // An alias may stand for the path's beginning; it is looked up in the tree.
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

    /// Digits only: libfdt would take signs and blanks.
    private static func decimal(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(text) : nil
    }
}

/// What is wrong with an overlay, or keeps it from being applied.
public indirect enum OverlayProblem: Error, Equatable, Sendable {
    /// It is no good tree.
    case tree(DeviceTreeError)
    /// A tree in which nothing is to be laid over anything.
    case noFragment
    /// There is no `target`, and `target-path` is neither a path nor an alias.
    case badTarget(fragment: String)
    /// `__symbols__` gives a label what is no path.
    case badSymbol(String)
    /// `__fixups__` names a place that isn't in the overlay; nil where it isn't even text.
    case badReference(label: String, place: String?)
    /// `__local_fixups__` names a place that isn't in the overlay; nil for a node.
    case badLocalReference(node: String, property: String?)
    /// The tree has no such label; it has the known ones.
    case unknownLabel(String, node: String, property: String, known: [String])
    /// The tree has no node at the fragment's `target-path`.
    case noTarget(fragment: String, path: String)
    /// The tree has no such alias, or none that is a path, for the fragment's `target-path`; it has the known ones.
    case noAlias(fragment: String, alias: String, known: [String])
    /// libfdt gave a node of the tree another phandle, and references to it lead nowhere now.
    case phandleLost(node: String)
    /// libfdt refuses it; `code` is what it returned, an `FDT_ERR_` number negated.
    case library(code: Int32)
}

extension Node {
    /// The child of this very name: in an overlay no unit address is left out.
    public func child(exactly name: some StringProtocol) -> Node? { children.first { $0.name == name } }
}

extension Tree {
    /// The node at an absolute path in which nothing is left out.
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

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension Overlay {
    /// The overlay in the form in which libfdt can apply it to `base`.
    ///
    /// If it gives a label to a node that already has a phandle, from the tree or from an earlier fragment, its
    /// references are changed to that phandle. Otherwise libfdt would overwrite the node's phandle, and other
    /// references to the node would lose their target (libfdt 1.7 handles nodes of the tree, but no release handles
    /// nodes of other fragments). Aliases in `target-path` become paths.
    /// - Parameter labels: the paths of `base`'s labels.
    /// - Throws: `OverlayProblem.noAlias`
    func prepared(for base: Tree, labels: [String: String]) throws(OverlayProblem) -> Overlay {
        var prepared = self
        var phandles = OverlayPhandles(base)
        for index in prepared.tree.root.children.indices {
            var fragment = prepared.tree.root.children[index]
            guard let content = fragment.children.firstIndex(where: { $0.name == "__overlay__" }) else { continue }
            if fragment[property: "target"] == nil, let path = fragment[property: "target-path"]?.string {
                fragment[property: "target-path"] = .string(
                    try Self.absolute(path, in: base, fragment: "/\(fragment.name)"))
            }
            if let place = place(of: fragment, phandles, labels) {
                phandles.merge(&fragment.children[content], at: place)
            }
            prepared.tree.root.children[index] = fragment
        }
        if phandles.replaced.isEmpty { return prepared }
        var root = prepared.tree.root
        if let index = root.children.firstIndex(where: { $0.name == "__local_fixups__" }) {
            var places = root.children[index]
            phandles.redirect(&root, &places)
            root.children[index] = places
        }
        prepared.tree.root = root
        return prepared
    }

    private static func absolute(
        _ path: String, in base: Tree, fragment: String
    ) throws(OverlayProblem) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        let alias = String(path.prefix { $0 != "/" })
        let aliases = base.root.child(exactly: "aliases")
        guard let beginning = aliases?[property: alias]?.string, beginning.utf8.first == UInt8(ascii: "/") else {
            throw .noAlias(fragment: fragment, alias: alias, known: (aliases?.properties ?? []).map(\.name).sorted())
        }
        return beginning + path.dropFirst(alias.count)
    }

    /// The place of a fragment's target; nil if it has none, which libfdt will report.
    private func place(of fragment: Node, _ phandles: OverlayPhandles, _ labels: [String: String]) -> [Int]? {
        guard let target = fragment[property: "target"] else {
            return fragment[property: "target-path"]?.string.flatMap(phandles.place(at:))
        }
        if let reference = references.first(where: { $0.node == "/\(fragment.name)" && $0.property == "target" }) {
            return labels[reference.label].flatMap(phandles.place(at:))
        }
        guard let phandle = target.phandle else { return nil }
        let isOwn =
            tree.root.child(exactly: "__local_fixups__")?.child(exactly: fragment.name)?[property: "target"] != nil
        return phandles.place(of: isOwn ? phandles.replaced[phandle.rawValue] ?? .overlay(phandle) : .tree(phandle))
    }
}

/// The phandle of each node while an overlay's fragments are applied to a tree.
private struct OverlayPhandles {
    /// A phandle's number. Overlay and tree both count from 1, so the two are kept apart.
    enum Number: Equatable {
        case tree(Phandle)
        case overlay(Phandle)
    }

    private struct Place {
        var name: String
        var number: Number?
        var children: [Place]

        init(_ node: Node) {
            name = node.name
            number = node.phandle.map { .tree($0) }
            children = node.children.map(Place.init)
        }

        /// The index of the child that libfdt finds for this name: a name without "@" matches any unit address.
        func index(of name: String) -> Int? {
            let isBare = !name.utf8.contains(UInt8(ascii: "@"))
            let length = name.utf8.count
            return children.firstIndex { child in
                child.name == name
                    || (isBare && child.name.utf8.count > length
                        && child.name.utf8.dropFirst(length).first == UInt8(ascii: "@") && child.name.hasPrefix(name))
            }
        }
    }

    private var root: Place
    /// The replacement for each phandle of the overlay whose node already has another phandle.
    private(set) var replaced: [UInt32: Number] = [:]

    init(_ tree: Tree) { root = Place(tree.root) }

    /// The child indices from the root to the node at an absolute path.
    func place(at path: String) -> [Int]? {
        var (place, indices) = (root, [Int]())
        for name in path.split(separator: "/") {
            guard let index = place.index(of: String(name)) else { return nil }
            indices.append(index)
            place = place.children[index]
        }
        return indices
    }

    /// The child indices from the root to the first node with a phandle.
    func place(of number: Number) -> [Int]? {
        func search(_ place: Place) -> [Int]? {
            if place.number == number { return [] }
            for (index, child) in place.children.enumerated() {
                if let found = search(child) { return [index] + found }
            }
            return nil
        }
        return search(root)
    }

    /// Applies a fragment's content to the node at `place`. Nodes that already have a phandle there lose the
    /// fragment's.
    mutating func merge(_ node: inout Node, at place: [Int]) {
        var top = Place(Node(""))
        swap(&top, &root)
        merge(&node, &top, place[...])
        root = top
    }

    private mutating func merge(_ node: inout Node, _ place: inout Place, _ way: ArraySlice<Int>) {
        guard let index = way.first else { return mergeHere(&node, &place) }
        merge(&node, &place.children[index], way.dropFirst())
    }

    private mutating func mergeHere(_ node: inout Node, _ place: inout Place) {
        if let own = node.phandle {
            if let number = place.number, number != .overlay(own) {
                replaced[own.rawValue] = number
                node.phandle = nil
            } else {
                place.number = .overlay(own)
            }
        }
        for index in node.children.indices {
            let name = node.children[index].name
            let target: Int
            if let found = place.index(of: name) {
                target = found
            } else {
                target = place.children.count
                place.children.append(Place(Node(name)))
            }
            mergeHere(&node.children[index], &place.children[target])
        }
    }

    /// Changes the references of `node` to phandles that were replaced. References that now use the tree's phandles are
    /// removed from `places`, because libfdt adds an offset to the phandles there.
    func redirect(_ node: inout Node, _ places: inout Node) {
        for name in places.properties.map(\.name) {
            guard var bytes = node[property: name]?.bytes else {
                places[property: name] = nil
                continue
            }
            var own: [UInt32] = []
            for offset in places[property: name]?.cells ?? [] {
                // `Overlay` has checked that a cell is there.
                let cell = Int(offset)..<Int(offset) + 4
                guard let number = PropertyValue.bytes(Array(bytes[cell])).cell.flatMap({ replaced[$0] }) else {
                    own.append(offset)
                    continue
                }
                switch number {
                case .tree(let phandle): bytes.replaceSubrange(cell, with: PropertyValue.phandle(phandle).bytes)
                case .overlay(let phandle):
                    bytes.replaceSubrange(cell, with: PropertyValue.phandle(phandle).bytes)
                    own.append(offset)
                }
            }
            node[property: name] = .bytes(bytes)
            places[property: name] = own.isEmpty ? nil : .cells(own)
        }
        for index in places.children.indices {
            guard let child = node.children.firstIndex(where: { $0.name == places.children[index].name }) else {
                continue
            }
            redirect(&node.children[child], &places.children[index])
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CFDT

extension Tree {
    /// The labels of the tree's nodes, from `__symbols__`, and the nodes' paths.
    ///
    /// Setting it replaces `__symbols__`; an empty list removes it.
    /// - SeeAlso: dtc, Documentation/dt-object-internal.txt
    public var labels: [(label: String, path: String)] {
        get {
            (root.child(exactly: "__symbols__")?.properties ?? []).compactMap { symbol in
                symbol.value.string.map { (symbol.name, $0) }
            }
        }
        set {
            root.removeChild(named: "__symbols__")
            guard !newValue.isEmpty else { return }
            root.children.append(
                Node("__symbols__", properties: newValue.map { Property($0.label, .string($0.path)) }))
        }
    }

    /// Gives the node at `path` a phandle if it has none.
    /// - Returns: the phandle; nil if there is no such node.
    /// - Throws: `DeviceTreeError.noPhandleLeft`
    public mutating func phandle(ofNodeAt path: String) throws(DeviceTreeError) -> Phandle? {
        guard let node = node(at: path) else { return nil }
        if let phandle = node.phandle { return phandle }
        var free = PhandleAllocator(avoiding: self)
        let phandle = try free.allocate()
        update(at: path) { $0.phandle = phandle }
        return phandle
    }

    /// Applies an overlay to the tree with libfdt: its fragments in order; its own labels become the tree's.
    ///
    /// Nodes whose labels the overlay refers to get a phandle if they have none.
    /// - Throws: `DeviceTreeError.overlay` with the overlay's name; the tree is unchanged then.
    public mutating func apply(_ overlay: Overlay) throws(DeviceTreeError) {
        do throws(OverlayProblem) { self = try applying(overlay) } catch { throw .overlay(overlay.name, error) }
    }

    private func applying(_ overlay: Overlay) throws(OverlayProblem) -> Tree {
        var tree = self
        let paths = Dictionary(labels.map { ($0.label, $0.path) }) { first, _ in first }
        var resolved: Set<String> = []
        for reference in overlay.references where !resolved.contains(reference.label) {
            let phandle: Phandle?
            do throws(DeviceTreeError) {
                phandle = try paths[reference.label].flatMap { path throws(DeviceTreeError) in
                    try tree.phandle(ofNodeAt: path)
                }
            } catch { throw .tree(error) }
            guard phandle != nil else {
                throw .unknownLabel(
                    reference.label, node: reference.node, property: reference.property, known: paths.keys.sorted())
            }
            resolved.insert(reference.label)
        }
        let overlay = try overlay.prepared(for: tree, labels: paths)
        // libfdt adds the overlay's labels to this node, and requires it to exist.
        if tree.root.child(exactly: "__symbols__") == nil { tree.root.children.append(Node("__symbols__")) }
        let result: Tree
        do throws(DeviceTreeError) {
            let blob = try Self.overlay(
                overlay.tree.serialized(limits: .ofHosts), on: tree.serialized(limits: .ofHosts))
            result = try Tree(parsing: blob, limits: .ofHosts)
        } catch {
            guard case .library(let code) = error else { throw .tree(error) }
            throw tree.diagnosis(of: code, overlay)
        }
        if let node = tree.firstLostPhandle(in: result) { throw .phandleLost(node: node) }
        return result
    }

    /// - Throws: `DeviceTreeError.library`, `.limitExceeded`
    private static func overlay(_ overlay: [UInt8], on tree: [UInt8]) throws(DeviceTreeError) -> [UInt8] {
        // The result has the nodes and properties of both, and some names and values a second time; the paths of labels
        // get longer.
        var capacity = tree.count + 2 * overlay.count + 4096
        while true {
            // libfdt damages both blobs when it fails, so each attempt uses copies.
            var copy = overlay
            var code: CInt = 0
            // Safety: libfdt keeps to the capacity, which fdt_open_into writes into the header, and Martlet itself has
            // written both blobs, whose offsets `Overlay` has checked; pack returns the used size.
            let blob = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                buffer.initialize(repeating: 0)
                code = fdt_open_into(tree, buffer.baseAddress, CInt(clamping: capacity))
                if code == 0 { code = fdt_overlay_apply(buffer.baseAddress, &copy) }
                if code == 0 { code = fdt_pack(buffer.baseAddress) }
                count = capacity
            }
            if code == 0 { return blob }
            guard code == -FDT_ERR_NOSPACE else { throw .library(code: code) }
            guard capacity < 4 * Limits().byteCount else {
                throw .limitExceeded(.byteCount, limit: Limits().byteCount, place: "/")
            }
            capacity *= 2
        }
    }

    /// The most probable cause of libfdt's error.
    private func diagnosis(of code: CInt, _ overlay: Overlay) -> OverlayProblem {
        if code == -FDT_ERR_NOTFOUND || code == -FDT_ERR_BADPATH {
            // If a phandle was replaced, later fragments don't find it.
            for fragment in overlay.fragments where fragment.child(exactly: "__overlay__")?.phandle != nil {
                if let path = target(of: fragment, in: overlay), node(at: path)?.phandle != nil {
                    return .phandleLost(node: path)
                }
            }
            for fragment in overlay.fragments where fragment[property: "target"] == nil {
                guard let path = fragment[property: "target-path"]?.string, node(at: path) == nil else { continue }
                return .noTarget(fragment: "/\(fragment.name)", path: path)
            }
        }
        return .library(code: code)
    }

    private func target(of fragment: Node, in overlay: Overlay) -> String? {
        if let path = fragment[property: "target-path"]?.string { return path }
        let reference = overlay.references.first { $0.node == "/\(fragment.name)" && $0.property == "target" }
        return reference.flatMap { reference in labels.first { $0.label == reference.label }?.path }
    }

    /// The path of the first node whose phandle is different or missing in `other`.
    private func firstLostPhandle(in other: Tree) -> String? {
        func search(_ node: Node, _ namesake: Node?, _ path: String) -> String? {
            if let phandle = node.phandle, namesake?.phandle != phandle { return path.isEmpty ? "/" : path }
            for child in node.children {
                let lost = search(child, namesake?.child(exactly: child.name), "\(path)/\(child.name)")
                if let lost { return lost }
            }
            return nil
        }
        return search(root, other.root, "")
    }
}

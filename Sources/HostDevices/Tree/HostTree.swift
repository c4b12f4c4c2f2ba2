// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import LinuxSystem

/// The host's device tree, read as far as it is asked for.
///
/// Nodes are named by their folder in the live tree, or by their path in one that was parsed. It belongs to whoever
/// generates nodes, and isn't shared between threads.
public final class HostTree {
    private enum Source {
        case live(Sysfs)
        /// `clockRates` stand for what /sys/kernel/debug/clk says, `voltages` for what /sys/class/regulator does.
        case parsed(Tree, clockRates: [String: UInt64], voltages: [String: UInt32])
    }

    /// The folder of the root node.
    package let root: String
    private let source: Source
    private let limits = Tree.Limits.ofHosts
    /// What was read so far, by path of the file; nil for what isn't there.
    private var values: [String: PropertyValue?] = [:]
    /// Of the blob that the host was booted with; nil in it where there is no such.
    private var index: PhandleIndex??
    /// Every node with a phandle, once the whole tree had to be searched.
    private var folders: [Phandle: String]?
    private lazy var regulators = live.map { Regulators($0) }
    /// See `unexplainedPhandles`; nil until somebody asks.
    private var unexplained: Set<UInt32>?

    private init(root: String, _ source: Source) {
        self.root = root
        self.source = source
    }

    /// The tree of the running host. Nothing is read yet.
    public convenience init(_ sysfs: Sysfs) {
        self.init(root: "\(sysfs.root)/firmware/devicetree/base", .live(sysfs))
    }

    /// A tree that was parsed. `clockRates` are what the host's kernel says of its clocks, by their names there;
    /// `voltages` what regulators give, in µV by the paths of their nodes.
    public convenience init(
        _ tree: Tree, clockRates: [String: UInt64] = [:], voltages: [String: UInt32] = [:]
    ) {
        self.init(root: "", .parsed(tree, clockRates: clockRates, voltages: voltages))
    }

    /// The node at `folder` with all that is below it; nil where there is none.
    package func node(at folder: String) throws(DeviceTreeError) -> Node? {
        switch source {
        case .live(let sysfs):
            guard folder == root || folder.hasPrefix("\(root)/") else { return nil }
            return try Node(
                directory: folder, named: folder == root ? "" : nil, system: sysfs.system, limits: limits)
        case .parsed(let tree, _, _): return tree.node(at: folder.isEmpty ? "/" : folder)
        }
    }

    /// The node at `folder` without what is below it; nil where there is none.
    package func properties(of folder: String) throws(DeviceTreeError) -> Node? {
        switch source {
        case .live(let sysfs):
            return try Node(directory: folder, named: "", descending: false, system: sysfs.system, limits: limits)
        case .parsed: return try node(at: folder)
        }
    }

    /// The value of a property, or nil where there is none.
    package func property(_ name: String, of folder: String) throws(DeviceTreeError) -> PropertyValue? {
        switch source {
        case .parsed: return try node(at: folder)?[property: name]
        case .live(let sysfs):
            let path = "\(folder)/\(name)"
            if let known = values[path] { return known }
            let value: PropertyValue?
            do throws(Errno) {
                value = .bytes(try sysfs.system.readFile(path, limit: limits.byteCount))
            } catch .noSuchFileOrDirectory {
                value = nil
            } catch { throw .unreadable(path: path, error) }
            values[path] = .some(value)
            return value
        }
    }

    /// Where the node is that has `phandle`; nil where there is none.
    package func folder(of phandle: Phandle) throws(DeviceTreeError) -> String? {
        if let folders { return folders[phandle] }
        // The blob needs one pass where the live tree takes system calls for each node and property. But nodes may have
        // come and gone since the boot (overlays), so the live tree has the last word.
        if let sysfs = live, let path = bootIndex(sysfs)?.path(of: phandle) {
            let folder = path == "/" ? root : root + path
            if try self.phandle(of: folder) == phandle { return folder }
        }
        return try allFolders()[phandle]
    }

    /// The highest phandle of the tree, or of the blob that the host was booted with; nil where there is none.
    package func highestPhandle() throws(DeviceTreeError) -> Phandle? {
        if let folders { return folders.keys.max() }
        if let sysfs = live, let index = bootIndex(sysfs) { return index.highest }
        return try allFolders().keys.max()
    }

    private func allFolders() throws(DeviceTreeError) -> [Phandle: String] {
        if let folders { return folders }
        var scan = PhandleScan(limits: limits)
        switch source {
        case .live(let sysfs): try scan.visit(root, depth: 1, system: sysfs.system)
        case .parsed(let tree, _, _): scan.visit(tree.root, at: root)
        }
        folders = scan.folders
        return scan.folders
    }

    /// The phandles to which no property refers for which `isReference` is true.
    ///
    /// A node has a phandle because something refers to it, so one of these in a property of which nothing is known is
    /// hardly there by chance. Empty where nodes have phandles for their labels too (dtc -@).
    package func unexplainedPhandles(
        _ isReference: @escaping (String) -> Bool
    ) throws(DeviceTreeError) -> Set<UInt32> {
        if let unexplained { return unexplained }
        var scan = PhandleUse(isReference: isReference)
        if let whole = try wholeTree(), whole.child(named: "__symbols__") == nil { scan.visit(whole) }
        let found = scan.phandles.subtracting(scan.used)
        unexplained = found
        return found
    }

    private func wholeTree() throws(DeviceTreeError) -> Node? {
        switch source {
        case .parsed(let tree, _, _): return tree.root
        case .live(let sysfs):
            if let blob = try? readBlob(sysfs), let tree = try? Tree(parsing: blob, limits: limits) {
                return tree.root
            }
            return try node(at: root)
        }
    }

    /// The host's rate of a clock in Hz, as debugfs has it; nil where that isn't mounted, isn't for this user, or
    /// doesn't have such a clock.
    package func clockRate(named name: String) -> UInt64? {
        switch source {
        case .parsed(_, let rates, _): return rates[name]
        case .live(let sysfs):
            // The name is the host tree's, which mustn't lead elsewhere.
            guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
                return nil
            }
            do throws(Errno) { return UInt64(try sysfs.text("kernel/debug/clk/\(name)/clk_rate")) } catch { return nil }
        }
    }

    /// What the regulator of the node at `folder` gives now, in µV; nil where the kernel doesn't say.
    package func microvolts(of folder: String) -> UInt32? {
        if case .parsed(_, _, let voltages) = source { return voltages[path(folder)] }
        return regulators?.folder(of: path(folder)).flatMap { regulators?.microvolts(of: $0) }
    }

    /// The folder above, or nil above the root.
    package func parent(of folder: String) -> String? {
        guard folder.utf8.count > root.utf8.count, let slash = folder.lastIndex(of: "/") else { return nil }
        return String(folder[..<slash])
    }

    /// A folder as the tree itself calls it: "/soc/serial@1000".
    package func path(_ folder: String) -> String {
        guard folder.hasPrefix(root) else { return folder }
        return folder == root ? "/" : String(folder.dropFirst(root.count))
    }

    /// The path of the node that a link called of_node leads to: "../../../firmware/devicetree/base/soc/serial@1000".
    static func path(inLink target: String) -> String? {
        let parts = target.split(separator: "/")
        guard let base = parts.firstIndex(of: "base"), base > 0, parts[base - 1] == "devicetree" else { return nil }
        return parts[(base + 1)...].map { "/\($0)" }.joined()
    }

    private var live: Sysfs? {
        if case .live(let sysfs) = source { return sysfs }
        return nil
    }

    private func phandle(of folder: String) throws(DeviceTreeError) -> Phandle? {
        if let phandle = try property("phandle", of: folder)?.phandle { return phandle }
        return try property("linux,phandle", of: folder)?.phandle
    }

    private func bootIndex(_ sysfs: Sysfs) -> PhandleIndex? {
        if let index { return index }
        var found: PhandleIndex?
        // For root alone; without it the live tree serves.
        do throws(Errno) { found = try readBootIndex(sysfs) } catch {}
        index = .some(found)
        return found
    }

    private func readBootIndex(_ sysfs: Sysfs) throws(Errno) -> PhandleIndex? {
        try readBlob(sysfs).flatMap { PhandleIndex(blob: $0) }
    }

    /// The blob that the host was booted with, without what pads it; nil where it is none.
    private func readBlob(_ sysfs: Sysfs) throws(Errno) -> [UInt8]? {
        let system = sysfs.system
        let file = OwnedDescriptor(adopting: try system.open("\(sysfs.root)/firmware/fdt", .readOnly), of: system)
        let header = try Self.read(file, count: PhandleIndex.headerByteCount, system)
        guard let count = PhandleIndex.byteCount(header: header), count <= limits.byteCount else { return nil }
        return try Self.read(file, count: count, system)
    }

    /// The first `count` bytes, or as many as there are.
    private static func read(
        _ file: borrowing OwnedDescriptor, count: Int, _ system: any SystemCalls
    ) throws(Errno) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: count)
        var done = 0
        var failure: Errno?
        let descriptor = file.rawValue
        content.withUnsafeMutableBytes { buffer in
            do throws(Errno) {
                // sysfs gives a page at a time.
                while done < count {
                    // Safety: the rest of the buffer, valid for the whole closure.
                    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                    let got = try system.pread(descriptor, rest, at: UInt64(done))
                    if got == 0 { break }
                    done += got
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return Array(content.prefix(done))
    }
}

/// Finds every node with a phandle; the first in the order of the names wins.
private struct PhandleScan {
    let limits: Tree.Limits
    var folders: [Phandle: String] = [:]
    private var nodeCount = 0

    init(limits: Tree.Limits) { self.limits = limits }

    mutating func visit(_ node: Node, at folder: String) {
        note(node.phandle, folder)
        for child in node.children { visit(child, at: "\(folder)/\(child.name)") }
    }

    mutating func visit(_ folder: String, depth: Int, system: any SystemCalls) throws(DeviceTreeError) {
        guard depth <= limits.depth else { throw .limitExceeded(.depth, limit: limits.depth, place: folder) }
        nodeCount += 1
        guard nodeCount <= limits.nodeCount else {
            throw .limitExceeded(.nodeCount, limit: limits.nodeCount, place: folder)
        }
        let names = try Self.reading(folder) { () throws(Errno) in try system.listDirectory(folder) }
        for name in names {
            let path = "\(folder)/\(name)"
            if name == "phandle" || name == "linux,phandle" {
                let bytes = try Self.reading(path) { () throws(Errno) in
                    try system.readFile(path, limit: limits.byteCount)
                }
                note(PropertyValue.bytes(bytes).phandle, folder)
            } else if try Self.reading(path, { () throws(Errno) in try system.isDirectory(path) }) {
                try visit(path, depth: depth + 1, system: system)
            }
        }
    }

    private mutating func note(_ phandle: Phandle?, _ folder: String) {
        if let phandle, folders[phandle] == nil { folders[phandle] = folder }
    }

    private static func reading<Result>(
        _ path: String, _ body: () throws(Errno) -> Result
    ) throws(DeviceTreeError) -> Result {
        do throws(Errno) { return try body() } catch { throw .unreadable(path: path, error) }
    }
}

/// Finds which phandles there are, and which of them are referred to.
private struct PhandleUse {
    /// Whether a property of this name refers to nodes.
    let isReference: (String) -> Bool
    private(set) var phandles: Set<UInt32> = []
    /// All numbers in properties that refer to nodes: more than the phandles among them.
    private(set) var used: Set<UInt32> = []

    mutating func visit(_ node: Node) {
        if let phandle = node.phandle { phandles.insert(phandle.rawValue) }
        for property in node.properties {
            switch property.name {
            case "interrupt-map", "msi-map", "iommu-map": break
            default:
                guard isReference(property.name) else {
                    continue
                }
            }
            var reader = property.value.reader
            while let cell = reader.cell() { used.insert(cell) }
        }
        for child in node.children { visit(child) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import LinuxSystem

/// The host's device tree, of which only the requested parts are read.
///
/// A node is identified by its folder in the live tree, or by its path in a parsed tree. The code that generates nodes
/// owns it; threads don't share it.
public final class HostTree {
    private enum Source {
        case live(Sysfs)
        /// `clockRates` replace the rates in /sys/kernel/debug/clk, `voltages` those in /sys/class/regulator.
        case parsed(Tree, clockRates: [String: UInt64], voltages: [String: UInt32])
    }

    /// The folder of the root node.
    package let root: String
    private let source: Source
    private let limits = Tree.Limits.ofHosts
    /// The values that were read so far, by path of the file; nil for a file that doesn't exist.
    private var values: [String: PropertyValue?] = [:]
    /// The index of the blob that the host was booted with; the inner value is nil when there is no such blob.
    private var index: PhandleIndex??
    /// Every node with a phandle, set after the whole tree was searched.
    private var folders: [Phandle: String]?
    private lazy var regulators = live.map { Regulators($0) }
    /// See `unexplainedPhandles`; nil before the first use.
    private var unexplained: Set<UInt32>?

    private init(root: String, _ source: Source) {
        self.root = root
        self.source = source
    }

    /// The tree of the running host. Nothing is read yet.
    public convenience init(_ sysfs: Sysfs) {
        self.init(root: "\(sysfs.root)/firmware/devicetree/base", .live(sysfs))
    }

    /// A parsed tree.
    ///
    /// `clockRates` are the rates of the host kernel's clocks, by their names in the kernel; `voltages` are those of
    /// regulators, in µV by the paths of their nodes.
    public convenience init(
        _ tree: Tree, clockRates: [String: UInt64] = [:], voltages: [String: UInt32] = [:]
    ) {
        self.init(root: "", .parsed(tree, clockRates: clockRates, voltages: voltages))
    }

    /// The node at `folder` with all nodes below it; nil if there is none.
    package func node(at folder: String) throws(DeviceTreeError) -> Node? {
        switch source {
        case .live(let sysfs):
            guard folder == root || folder.hasPrefix("\(root)/") else { return nil }
            return try Node(
                directory: folder, named: folder == root ? "" : nil, system: sysfs.system, limits: limits)
        case .parsed(let tree, _, _): return tree.node(at: folder.isEmpty ? "/" : folder)
        }
    }

    /// The node at `folder` without the nodes below it; nil if there is none.
    package func properties(of folder: String) throws(DeviceTreeError) -> Node? {
        switch source {
        case .live(let sysfs):
            return try Node(directory: folder, named: "", descending: false, system: sysfs.system, limits: limits)
        case .parsed: return try node(at: folder)
        }
    }

    /// The value of a property; nil if there is none.
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

    /// The folder of the node with this `phandle`; nil if there is none.
    package func folder(of phandle: Phandle) throws(DeviceTreeError) -> String? {
        if let folders { return folders[phandle] }
        // The blob takes one pass; the live tree takes system calls for each node and property. But overlays may have
        // added or removed nodes since the boot, so the result is checked in the live tree.
        if let sysfs = live, let path = bootIndex(sysfs)?.path(of: phandle) {
            let folder = path == "/" ? root : root + path
            if try self.phandle(of: folder) == phandle { return folder }
        }
        return try allFolders()[phandle]
    }

    /// The highest phandle of the tree, or of the blob that the host was booted with; nil if there is none.
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

    /// The phandles to which no property refers among those for which `isReference` is true.
    ///
    /// A node has a phandle because something refers to it. So if an unknown property holds one of these numbers, it is
    /// probably a reference. Empty when nodes also have phandles for their labels (dtc -@).
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

    /// The host's rate of a clock in Hz, from debugfs.
    ///
    /// Nil when debugfs isn't mounted, this user may not read it, or it doesn't have the clock.
    package func clockRate(named name: String) -> UInt64? {
        switch source {
        case .parsed(_, let rates, _): return rates[name]
        case .live(let sysfs):
            // The name comes from the host's tree, and must not lead out of the folder.
            guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
                return nil
            }
            do throws(Errno) { return UInt64(try sysfs.text("kernel/debug/clk/\(name)/clk_rate")) } catch { return nil }
        }
    }

    /// The current voltage of the regulator whose node is at `folder`, in µV; nil when the kernel doesn't report it.
    package func microvolts(of folder: String) -> UInt32? {
        if case .parsed(_, _, let voltages) = source { return voltages[path(folder)] }
        return regulators?.folder(of: path(folder)).flatMap { regulators?.microvolts(of: $0) }
    }

    /// The parent folder; nil for the root.
    package func parent(of folder: String) -> String? {
        guard folder.utf8.count > root.utf8.count, let slash = folder.lastIndex(of: "/") else { return nil }
        return String(folder[..<slash])
    }

    /// The path of a folder in the tree: "/soc/serial@1000".
    package func path(_ folder: String) -> String {
        guard folder.hasPrefix(root) else { return folder }
        return folder == root ? "/" : String(folder.dropFirst(root.count))
    }

    /// The path of the node that a link named of_node points to: "../../../firmware/devicetree/base/soc/serial@1000".
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
        // Only root can read it; without it the live tree is used.
        do throws(Errno) { found = try readBootIndex(sysfs) } catch {}
        index = .some(found)
        return found
    }

    private func readBootIndex(_ sysfs: Sysfs) throws(Errno) -> PhandleIndex? {
        try readBlob(sysfs).flatMap { PhandleIndex(blob: $0) }
    }

    /// The blob that the host was booted with, without its padding; nil when it isn't a blob.
    private func readBlob(_ sysfs: Sysfs) throws(Errno) -> [UInt8]? {
        let system = sysfs.system
        let file = OwnedDescriptor(adopting: try system.open("\(sysfs.root)/firmware/fdt", .readOnly), of: system)
        let header = try Self.read(file, count: PhandleIndex.headerByteCount, system)
        guard let count = PhandleIndex.byteCount(header: header), count <= limits.byteCount else { return nil }
        return try Self.read(file, count: count, system)
    }

    /// The first `count` bytes, or fewer if the file is shorter.
    private static func read(
        _ file: borrowing OwnedDescriptor, count: Int, _ system: any SystemCalls
    ) throws(Errno) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: count)
        var done = 0
        var failure: Errno?
        let descriptor = file.rawValue
        content.withUnsafeMutableBytes { buffer in
            do throws(Errno) {
                // sysfs returns at most a page at a time.
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

/// Finds every node with a phandle. If two have the same one, the first in the order of the names counts.
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

/// Finds all phandles, and those that properties refer to.
private struct PhandleUse {
    /// Whether a property of this name refers to nodes.
    let isReference: (String) -> Bool
    private(set) var phandles: Set<UInt32> = []
    /// All numbers in properties that refer to nodes, phandles or not.
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

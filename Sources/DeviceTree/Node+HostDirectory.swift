// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

extension Node {
    /// Reads a node of the host's live tree: a folder below /sys/firmware/devicetree/base.
    ///
    /// Files are properties and folders are child nodes, both in the order of their names. The `name` property, which
    /// the kernel adds, is left out.
    /// - Parameters:
    ///   - path: The folder. Resolve links such as a device's `of_node` first, because they hide the node's name.
    ///   - name: The node's name; by default the last part of `path`. Pass "" for the root.
    ///   - descending: Whether child nodes are read too; otherwise the node has only properties.
    ///   - system: The system calls that are used.
    ///   - limits: The largest size and depth of the node.
    /// - Throws: `DeviceTreeError.unreadable`, `.limitExceeded`, `.invalidNodeName`, `.invalidPropertyName`
    /// - SeeAlso: Linux, Documentation/ABI/testing/sysfs-firmware-ofw
    public init(
        directory path: String, named name: String? = nil, descending: Bool = true, system: any FileCalls,
        limits: Tree.Limits = Tree.Limits()
    ) throws(DeviceTreeError) {
        let name = name ?? path.split(separator: "/").last.map { String($0) } ?? ""
        if !name.isEmpty, let problem = NameProblem.ofNode(name, limits: limits) {
            throw .invalidNodeName(name, parent: path, problem)
        }
        var reader = HostTreeReader(system: system, limits: limits, descending: descending)
        self = try reader.read(path, name: name, depth: 1)
    }
}

private struct HostTreeReader {
    let system: any FileCalls
    let limits: Tree.Limits
    let descending: Bool
    var nodeCount = 0
    var byteCount = 0

    mutating func read(_ path: String, name: String, depth: Int) throws(DeviceTreeError) -> Node {
        guard depth <= limits.depth else { throw .limitExceeded(.depth, limit: limits.depth, place: path) }
        nodeCount += 1
        guard nodeCount <= limits.nodeCount else {
            throw .limitExceeded(.nodeCount, limit: limits.nodeCount, place: path)
        }
        var node = Node(name)
        for entry in try names(in: path) where entry != "name" {
            let entryPath = "\(path)/\(entry)"
            if try !isDirectory(entryPath) {
                node.properties.append(Property(entry, .bytes(try readProperty(entry, at: entryPath, of: path))))
            } else if descending {
                if let problem = NameProblem.ofNode(entry, limits: limits) {
                    throw .invalidNodeName(entry, parent: path, problem)
                }
                node.children.append(try read(entryPath, name: entry, depth: depth + 1))
            }
        }
        return node
    }

    private mutating func readProperty(
        _ name: String, at path: String, of node: String
    ) throws(DeviceTreeError) -> [UInt8] {
        if let problem = NameProblem.ofProperty(name, limits: limits) {
            throw .invalidPropertyName(name, node: node, problem)
        }
        do {
            let bytes = try system.readFile(path, limit: limits.byteCount - byteCount)
            byteCount += bytes.count
            return bytes
        } catch .fileTooLarge {
            throw .limitExceeded(.byteCount, limit: limits.byteCount, place: path)
        } catch {
            throw .unreadable(path: path, error)
        }
    }

    private func names(in path: String) throws(DeviceTreeError) -> [String] {
        do { return try system.listDirectory(path) } catch { throw .unreadable(path: path, error) }
    }

    private func isDirectory(_ path: String) throws(DeviceTreeError) -> Bool {
        do { return try system.isDirectory(path) } catch { throw .unreadable(path: path, error) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import HostDevices

/// Generates the guest's nodes of passed-through devices from the host's.
///
/// Everything is copied except references to other nodes and the device's place. These are rewritten for the guest, or
/// left out with a reason. All devices of a guest are handled together, because they may refer to each other. The
/// host's tree isn't trusted: malformed parts are left out, or are an error.
/// - SeeAlso: Devicetree Specification v0.4, chapter 2; Linux, Documentation/devicetree/bindings
public struct NodeGenerator {
    /// The shared nodes for the root of the guest's tree. Emulated devices use its clocks too.
    public var shared: SharedNodes
    private let tree: HostTree
    private let explains: Bool
    private let tellsDependencies: Bool

    /// - Parameters:
    ///   - tree: The host's tree.
    ///   - phandles: Avoids the phandles that the board has taken.
    ///   - explains: Whether to look up facts that only people need: the targets of left-out properties, and the needs
    ///     of providers. It costs many more reads.
    ///   - tellsDependencies: Whether that includes the needs of providers.
    public init(
        tree: HostTree, phandles: PhandleAllocator, explains: Bool = false, tellsDependencies: Bool = true
    ) {
        self.tree = tree
        shared = SharedNodes(phandles: phandles)
        self.explains = explains
        self.tellsDependencies = explains && tellsDependencies
    }

    /// The nodes of all devices of a guest, in the order of the requests.
    /// - Throws: for the first device that fails: `GuestNodeError.noDeviceTreeNode`, `.deviceTree`, `.unknownClocks`,
    ///   `.missingReferences`, `.incompleteNode`.
    public mutating func generate(_ requests: [NodeRequest]) throws(GuestNodeError) -> [GuestNode] {
        var passed = PassedNodes()
        let sources = try read(requests, &passed)
        try beginAboveTheHosts(sources)
        for source in sources { source.reserveNumbers(&shared) }
        var drafts: [NodeWriter] = []
        for (index, source) in sources.enumerated() {
            let name = uniqueName(source, others: drafts)
            var writer = NodeWriter(
                source, tree: tree, name: name, folder: source.request.path ?? "device \(index)", explains: explains,
                tellsDependencies: tellsDependencies, shared: shared, passed: passed)
            do throws(DeviceTreeError) { try writer.write() } catch {
                throw .deviceTree(device: source.request.name, error)
            }
            if let problem = writer.problem { throw problem }
            shared = writer.shared
            passed = writer.passed
            drafts.append(writer)
        }
        // Only now it is known which nodes are referred to.
        return drafts.map { $0.finished(passed) }
    }

    /// Avoids the host's phandles: one that is copied by mistake must not lead to another node in the guest.
    private mutating func beginAboveTheHosts(_ sources: [NodeSource]) throws(GuestNodeError) {
        guard let first = sources.first(where: \.isOnHost) else { return }
        do throws(DeviceTreeError) {
            if let highest = try tree.highestPhandle() { shared.begin(above: highest) }
        } catch { throw .deviceTree(device: first.request.name, error) }
    }

    private func read(
        _ requests: [NodeRequest], _ passed: inout PassedNodes
    ) throws(GuestNodeError) -> [NodeSource] {
        var devices: [String: String] = [:]
        if requests.count > 1 {
            for request in requests { if let path = request.path { devices[path] = request.name } }
        }
        var sources: [NodeSource] = []
        for request in requests {
            let source: NodeSource
            do throws(DeviceTreeError) {
                source = try NodeSource(request, tree: tree, others: devices)
            } catch { throw .deviceTree(device: request.name, error) }
            // Without a node on the host, all properties come from the user, and no driver matches a node without
            // `compatible`.
            let isUsers = request.settings.properties.contains { $0.name == "compatible" }
            guard source.isOnHost || isUsers else { throw .noDeviceTreeNode(device: request.name) }
            if let path = request.path { passed.add(source.node, path) }
            sources.append(source)
        }
        return sources
    }

    /// The host's name of the node, with the guest's address.
    private func uniqueName(_ source: NodeSource, others: [NodeWriter]) -> String {
        let address = source.request.regions.first.map { "@" + String($0.base.rawValue, radix: 16) } ?? ""
        let base = source.isOnHost ? String(source.node.baseName) : Self.nodeName(source.request.name)
        var name = base + address
        var number = 1
        while others.contains(where: { $0.name == name }) {
            name = "\(base)-\(number)\(address)"
            number += 1
        }
        return name
    }

    /// A device's name in the form that a tree allows: "ARMH0011:00" becomes "ARMH0011-00".
    private static func nodeName(_ device: String) -> String {
        let letters = device.utf8.prefix(31).map { byte in
            let isPlain =
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            return Character(UnicodeScalar(isPlain ? byte : UInt8(ascii: "-")))
        }
        let name = String(letters)
        return name.utf8.first.map { $0 != UInt8(ascii: "-") } == true ? name : "device"
    }
}

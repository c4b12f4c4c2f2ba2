// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import Testing

@testable import Machine

/// A host with one device to pass through, and files of trees in place.
struct TreeFixture {
    let host = FakeHost()
    static let device = "/platform-bus@c000000/net@c000000"
    static let controller = "/interrupt-controller@8000000"

    init() { host.add("1000.net", group: 1, properties: ["compatible": .string("test,net")]) }

    func add(_ path: String, _ tree: Tree) throws {
        let blob = try tree.serialized(limits: .ofHosts)
        host.kernel.withState { $0.files[path] = blob }
    }

    /// A base tree of these nodes, whose root has two cells for addresses and sizes.
    func addBase(_ nodes: [Node], _ properties: [Property] = []) throws {
        try add(
            "/base.dtb",
            Tree(
                root: Node(
                    "",
                    properties: [Property("#address-cells", .cell(2)), Property("#size-cells", .cell(2))] + properties,
                    children: nodes)))
    }

    /// An overlay whose fragments are laid over the nodes at these paths.
    func addOverlay(_ fragments: [(path: String, content: Node)]) throws {
        let children = fragments.enumerated().map { index, fragment in
            var content = fragment.content
            content.name = "__overlay__"
            return Node("fragment@\(index)", ["target-path": .string(fragment.path)], children: [content])
        }
        try add("/o.dtbo", Tree(root: Node("", children: children)))
    }

    func configuration(
        _ settings: DeviceTreeSettings = .init(), base: String? = nil, overlays: [String] = [], vcpus: Int = 1
    ) -> MachineConfiguration {
        var configuration = host.configuration(
            vcpus: vcpus,
            devices: [PlatformDevice(identity: .host("1000.net"), label: "eth", deviceTree: settings)])
        configuration.deviceTree = .init(overlays: overlays, base: base)
        return configuration
    }

    func tree(_ configuration: MachineConfiguration) throws -> Tree {
        let hypervisor = try host.makeHypervisor()
        return try Tree(
            parsing: try host.makePlan(configuration, hypervisor: hypervisor).deviceTree(hypervisor: hypervisor))
    }

    func error(_ configuration: MachineConfiguration) -> MachineError? {
        let error = #expect(throws: MachineError.self) { try tree(configuration) }
        #expect(host.kernel.held.isEmpty)
        return error
    }

    var warnings: [String] { host.log.all.filter { $0.hasPrefix("warning: ") } }
}

extension MachineError {
    /// The reference that leads nowhere, of an error that tells of one.
    var reference: DanglingReference? {
        switch self {
        case .treeFile(key: "device-tree.base", path: "/base.dtb", .interrupt(let reference)): reference
        case .deviceTree(.reference(let reference)): reference
        default: nil
        }
    }
}

extension DanglingReference {
    /// All of it in a line, for tests.
    var facts: String {
        "\(lost.property) of \(lost.node) to \(lost.phandle): \(lost.reason)" + (removed.map { " (\($0))" } ?? "")
    }
}

extension Tree {
    /// The path of the node to which a property's first cell leads.
    func target(_ path: String, _ property: String) -> String? {
        node(at: path)?[property: property]?.cells?.first.flatMap { Phandle(rawValue: $0) }.flatMap {
            self.path(of: $0)
        }
    }
}

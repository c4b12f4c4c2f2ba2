// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import HostDevices
import KernelFakes
import LinuxSystem
import Testing

@testable import GuestNodes

/// Trees of real SoCs, by their public bindings.
@Suite(.enabled(if: NodeFixture.dtc != nil, "dtc (package device-tree-compiler) is not on the PATH"))
struct NodeFixtureTests {
    static func allocator() throws -> PhandleAllocator {
        var phandles = PhandleAllocator()
        phandles.reserve(try #require(Phandle(rawValue: 1)))
        return phandles
    }

    private func generator(
        _ fixture: NodeFixture, _ host: Tree, explains: Bool = false
    ) throws -> NodeGenerator {
        NodeGenerator(
            tree: HostTree(host, clockRates: fixture.clockRates), phandles: try Self.allocator(), explains: explains)
    }

    @Test(arguments: NodeFixture.all + NodeFixture.cases) func `the guest's nodes are the expected ones`(
        fixture: NodeFixture
    ) throws {
        // Arrange
        let host = try fixture.hostTree()
        var generator = try generator(fixture, host)

        // Act
        let nodes = try generator.generate(try fixture.requests(host))

        // Assert
        let tree = try NodeFixture.guestTree(nodes, generator.shared)
        let found = NodeFixture.sorted(tree.root)
        let expected = NodeFixture.sorted(try fixture.expectedTree().root)
        #expect(found == expected, "generated:\n\(found)\nexpected:\n\(expected)")
    }

    @Test(arguments: NodeFixture.all + NodeFixture.cases) func `dtc has no complaint`(fixture: NodeFixture) throws {
        let host = try fixture.hostTree()
        var generator = try generator(fixture, host)
        let nodes = try generator.generate(try fixture.requests(host))
        let tree = try NodeFixture.guestTree(nodes, generator.shared)
        let blob = try tree.serialized(limits: .ofHosts)
        #expect(try Tree(parsing: blob, limits: .ofHosts) == tree)

        let dtc = try #require(NodeFixture.dtc)
        let result = try dtc.run(["-I", "dtb", "-O", "dts"], input: blob)

        #expect(result.status == 0)
        #expect(NodeFixture.complaints(result.messages) == [])
    }

    /// Explaining changes nothing but what is told.
    @Test(arguments: NodeFixture.all + NodeFixture.cases) func `each property of the host has a fate`(
        fixture: NodeFixture
    ) throws {
        let host = try fixture.hostTree()
        let requests = try fixture.requests(host)
        var plain = try generator(fixture, host)
        var explaining = try generator(fixture, host, explains: true)

        let nodes = try explaining.generate(requests)

        #expect(try plain.generate(requests).map(\.node) == nodes.map(\.node))
        for (device, node) in zip(fixture.devices, nodes) {
            let source = try #require(host.node(at: device.path))
            expectFates(source, node.node, place: "", node.fates)
        }
    }

    private func expectFates(_ source: Node, _ result: Node, place: String, _ fates: [PropertyFate]) {
        let fates = fates.filter { $0.node == place || place.isEmpty }
        for property in source.properties {
            let own = fates.filter { $0.node == place && $0.property == property.name }
            #expect(own.count == 1, "\(place) \(property.name): \(own)")
            guard let fate = own.first else { continue }
            #expect(!fate.reason.isEmpty)
            let value = result[property: property.name]
            switch fate.fate {
            case .copied: #expect(value == property.value, "\(place) \(property.name)")
            case .dropped: #expect(value == nil || property.name == "phandle", "\(place) \(property.name)")
            case .rewritten:
                #expect(value != nil || property.name == "interrupts-extended", "\(place) \(property.name)")
            case .added: Issue.record("\(place) \(property.name) was there before")
            }
        }
        for property in result.properties where source[property: property.name] == nil {
            let own = fates.filter { $0.node == place && $0.property == property.name }
            #expect(own.map(\.fate) == [.added] || property.name == "phandle", "\(place) \(property.name): \(own)")
        }
    }

    /// The same from a live tree: as folders and files, and with the blob that the host was booted with or without it.
    @Test(arguments: NodeFixture.all + NodeFixture.cases, [true, false])
    func `a live tree gives the same`(fixture: NodeFixture, hasBlob: Bool) throws {
        // Arrange
        let host = try fixture.hostTree()
        let kernel = FakeKernel()
        let base = "/sys/firmware/devicetree/base"
        kernel.withState { state in
            Self.write(host.root, base, &state.files)
            for (name, rate) in fixture.clockRates {
                state.files["/sys/kernel/debug/clk/\(name)/clk_rate"] = Array("\(rate)\n".utf8)
            }
        }
        if hasBlob {
            let blob = try host.serialized(limits: .ofHosts)
            kernel.withState { $0.files["/sys/firmware/fdt"] = blob + [UInt8](repeating: 0, count: 100_000) }
        }
        let requests = try fixture.requests(host)
        var live = NodeGenerator(tree: HostTree(Sysfs(system: kernel)), phandles: try Self.allocator())
        var parsed = try generator(fixture, host)

        // Act
        let nodes = try live.generate(
            requests.map { request in
                var request = request
                request.path = request.path.map { base + $0 }
                return request
            })

        // Assert: the order of a live tree is that of the names.
        let expected = try parsed.generate(requests)
        #expect(nodes.map { NodeFixture.sorted($0.node) } == expected.map { NodeFixture.sorted($0.node) })
        #expect(live.shared.nodes.map(\.name).sorted() == parsed.shared.nodes.map(\.name).sorted())
        #expect(kernel.held == [])
    }

    static func write(_ node: Node, _ path: String, _ files: inout [String: [UInt8]]) {
        files["\(path)/name"] = Array(node.baseName.utf8) + [0]
        for property in node.properties { files["\(path)/\(property.name)"] = property.value.bytes }
        for child in node.children { write(child, "\(path)/\(child.name)", &files) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import HostDevices
import KernelFakes
import Testing

@testable import GuestNodes

/// The generated trees against the kernel's own bindings. guest-images/dt-validate/build.sh makes what this needs, and
/// guest-images/test.sh says where it is.
@Suite(
    .enabled(
        if: NodeFixture.dtc != nil && NodeFixture.schemaTools != nil,
        "no dtschema at hand (MARTLET_DT_VALIDATE names the folder that guest-images/dt-validate/build.sh prints)"))
struct NodeSchemaTests {
    /// A complaint that is accepted.
    private struct Exception {
        var fixture: String
        /// Part of the complaint.
        var text: String
        var reason: Reason
    }

    private enum Reason: String {
        case hostKeeps = "the binding requires what the host keeps in hand: the guest's driver must do without"
        case notPassed = "the binding requires a device that isn't passed through"
        case hostsNode = "the host's own node is against the binding in just this way"
        case coherence = "the bus of the host says so of all that is on it, where the guest's bus can't"
        case noSchema = "its binding is text, so that nothing says of which types its properties are"
    }

    private static let exceptions = [
        Exception(fixture: "jetson-ethernet", text: "'dma-coherent' does not match", reason: .coherence),
        Exception(fixture: "jetson-ethernet", text: "'power-domains' is a required property", reason: .hostKeeps),
        Exception(fixture: "jetson-uart", text: "'dmas' is a required property", reason: .notPassed),
        Exception(fixture: "jetson-uart", text: "'dma-names' is a required property", reason: .notPassed),
        Exception(fixture: "rockchip-sdhci", text: "'phys' is a required property", reason: .notPassed),
        Exception(fixture: "rockchip-sdhci", text: "'phy-names' is a required property", reason: .notPassed),
        Exception(fixture: "qemu-virt", text: "$nodename:0: 'pl031@c000000'", reason: .hostsNode),
        Exception(fixture: "qemu-virt", text: "$nodename:0: 'pl061@c001000'", reason: .hostsNode),
        Exception(fixture: "qemu-virt", text: "$nodename:0: 'pl011@c002000'", reason: .hostsNode),
        Exception(fixture: "qemu-virt", text: "'interrupt-controller' is a required property", reason: .hostsNode),
        Exception(fixture: "qemu-virt", text: "'#interrupt-cells' is a required property", reason: .hostsNode),
        Exception(fixture: "seattle-xgbe", text: "amd,speed-set", reason: .noSchema),
        Exception(fixture: "seattle-xgbe", text: "amd,serdes-", reason: .noSchema),
    ]

    @Test func `dt-validate has no complaint but those that have a reason`() throws {
        // Arrange
        let tools = try #require(NodeFixture.schemaTools)
        let folder = NSTemporaryDirectory() + "/martlet-nodes-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for fixture in NodeFixture.all {
            let host = try fixture.hostTree()
            var generator = NodeGenerator(
                tree: HostTree(host, clockRates: fixture.clockRates), phandles: try NodeFixtureTests.allocator())
            let nodes = try generator.generate(try fixture.requests(host))
            let blob = try NodeFixture.guestTree(nodes, generator.shared).serialized(limits: .ofHosts)
            try Data(blob).write(to: URL(fileURLWithPath: "\(folder)/\(fixture.name).dtb"))
        }
        let blobs = NodeFixture.all.map { "\(folder)/\($0.name).dtb" }

        // Act
        let result = try HostTool(path: "\(tools)/dt-validate").run(["-s", "\(tools)/schema.json"] + blobs)

        // Assert
        #expect(result.status == 0, "\(result.messages)")
        var unused = Self.exceptions.map { "\($0.fixture): \($0.text)" }
        // What is indented goes on about the line before.
        for line in (result.text + result.messages).split(separator: "\n") where !line.hasPrefix("\t") {
            let exception = Self.exceptions.first {
                line.contains("/\($0.fixture).dtb: ") && line.contains($0.text)
            }
            #expect(exception != nil, "\(line)")
            if let exception { unused.removeAll { $0 == "\(exception.fixture): \(exception.text)" } }
        }
        #expect(unused == [], "accepted, but dt-validate doesn't complain any more")
    }
}

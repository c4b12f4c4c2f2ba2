// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import LinuxSystem
import PlatformBus
import Testing

@testable import GuestNodes

/// Host trees that make no sense: an error or a node, and an end in good time.
@Suite struct HostileTreeTests {
    // MARK: Every kind of damage by name

    private func generate(
        _ properties: [Property], children: [Node] = [], others: [Node] = [], explains: Bool = true,
        settings: NodeSettings = NodeSettings()
    ) throws -> GuestNode {
        let root = Node(
            "", ["#address-cells": .cell(1), "#size-cells": .cell(1)],
            children: [Node("device", properties: properties, children: children)] + others)
        var generator = NodeGenerator(
            tree: HostTree(Tree(root: root)), phandles: PhandleAllocator(), explains: explains)
        let nodes = try generator.generate([
            NodeRequest(
                name: "device", path: "/device",
                regions: [try #require(GuestRange(base: GuestAddress(0x1000), size: 64))],
                interrupts: [], settings: settings)
        ])
        return try #require(nodes.first)
    }

    private func reason(_ property: String, _ node: GuestNode) -> String? {
        node.fates.first { $0.property == property }?.reason
    }

    @Test func `clocks made from each other in a circle`() throws {
        let factor: [Node] = (1...3).map { number in
            Node(
                "factor\(number)",
                [
                    "compatible": .string("fixed-factor-clock"), "phandle": .cell(UInt32(number)),
                    "clocks": .cell(UInt32(number % 3 + 1)), "clock-mult": .cell(1), "clock-div": .cell(1),
                    "#clock-cells": .cell(0),
                ])
        }
        let node = try generate([Property("clocks", .cell(1))], others: factor)
        #expect(reason("clocks", node) == "/factor1: its source clock is unknown")
        // The dependencies end where the circle closes.
        #expect(node.dependencies.first?.dependencies.first?.dependencies.first?.dependencies.first?.dependencies == [])
    }

    @Test func `a divisor of zero, a product beyond all bounds`() throws {
        func clock(_ multiplier: UInt32, _ divisor: UInt32) -> [Node] {
            [
                Node(
                    "source",
                    [
                        "compatible": .string("fixed-clock"), "phandle": .cell(1), "clock-frequency": .cell(.max),
                        "#clock-cells": .cell(0),
                    ]),
                Node(
                    "factor",
                    [
                        "compatible": .string("fixed-factor-clock"), "phandle": .cell(2), "clocks": .cell(1),
                        "clock-mult": .cell(multiplier), "clock-div": .cell(divisor), "#clock-cells": .cell(0),
                    ]),
            ]
        }
        let zero = try generate([Property("clocks", .cell(2))], others: clock(1, 0))
        #expect(reason("clocks", zero)?.hasSuffix("its source clock is unknown") == true)
        let huge = try generate([Property("clocks", .cell(2))], others: clock(.max, 1))
        #expect(reason("clocks", huge) == "/factor: 18446744065119617025 Hz is not a valid rate for a fixed clock")
    }

    @Test(arguments: [
        (PropertyValue.cells([1, 2]), "its value ends in the middle of an entry"),
        (.bytes([0, 0, 1]), "its value ends in the middle of an entry"),
        (.empty, "its value ends in the middle of an entry"),
        (.cell(99), "no node of the host has its phandle 0x63"),
        (.cell(.max), "no node of the host has its phandle 0xffffffff"),
        (.cell(2), "#phy-cells of /huge is greater than 16"),
        (.cell(3), "/string has no valid #phy-cells"),
        (.cell(4), "/none has no valid #phy-cells"),
        (.cells([UInt32](repeating: 0, count: 300)), "it has more than 256 entries"),
        (.cells([0, 0]), "an empty entry; an empty entry"),
    ])
    func `a reference that can't be taken apart`(value: PropertyValue, expected: String) throws {
        let providers = [
            Node("good", ["phandle": .cell(1), "#phy-cells": .cell(2)]),
            Node("huge", ["phandle": .cell(2), "#phy-cells": .cell(0x8000_0000)]),
            Node("string", ["phandle": .cell(3), "#phy-cells": .string("much")]),
            Node("none", ["phandle": .cell(4)]),
        ]
        let node = try generate([Property("phys", value)], others: providers)
        #expect(reason("phys", node) == expected)
        #expect(node.node[property: "phys"] == nil)
    }

    @Test func `strings without an end`() throws {
        let node = try generate([
            Property("compatible", .bytes(Array("fixed".utf8))), Property("reg", .cells([0, 64])),
            Property("reg-names", .bytes(Array("a\0b".utf8))), Property("clock-names", .bytes([0xFF])),
        ])
        // Not ours to mend.
        #expect(node.node[property: "compatible"] == .bytes(Array("fixed".utf8)))
        #expect(node.node[property: "reg-names"] == .bytes(Array("a\0b".utf8)))
    }

    /// One phandle on two nodes: the first has it, and both ends of the graph stay where they are.
    @Test func `a phandle that is there twice`() throws {
        let node = try generate(
            [Property("phy-handle", .cell(1)), Property("phandle", .cell(1))],
            children: [Node("a", ["phandle": .cell(1)]), Node("b", ["phandle": .cell(1), "phy-handle": .cell(1)])])
        #expect(node.node.phandle == Phandle(rawValue: 2))
        #expect(node.node.children.map(\.phandle) == [nil, nil])
        #expect(node.node.children[1][property: "phy-handle"] == .cell(2))
    }

    @Test(arguments: [
        PropertyValue.cells([0, 0xFFFF_FFFF, 0xFFFF_FFFF]), .cells([0xFFFF_FFFF, 0, 64]), .cells([0, 0, 0]), .cell(1),
    ]) func `a bus that leads nowhere`(ranges: PropertyValue) throws {
        let node = try generate(
            [
                Property("reg", .cells([0xFFFF_FFF0, 0xFFFF_FFFF])), Property("ranges", ranges),
                Property("#address-cells", .cell(1)), Property("#size-cells", .cell(1)),
            ], children: [Node("child@f0000000", ["reg": .cells([0xF000_0000, 0xFFFF_FFFF])]), Node("other")])
        #expect(node.node.children.map(\.name) == ["other"])
        #expect(node.fates.contains { $0.node == "child@f0000000" && $0.property.isEmpty && $0.fate == .dropped })
        if node.node[property: "ranges"] == nil { #expect(node.node[property: "#address-cells"] == nil) }
    }

    @Test func `cell counts that are none are an error`() {
        let error = #expect(throws: GuestNodeError.self) {
            try generate([
                Property("reg", .cells([0, 64])), Property("ranges", .empty), Property("#size-cells", .cell(5)),
            ])
        }
        #expect(error?.description.contains("#size-cells") == true)
    }

    // MARK: Damage by chance

    /// A host in little: something of each kind that the generator knows.
    private static let host = Node(
        "", ["#address-cells": .cell(1), "#size-cells": .cell(1)],
        children: [
            Node(
                "d@10",
                [
                    "compatible": .string("v,d"), "reg": .cells([0x10, 0x40]), "clocks": .cells([2, 3, 1]),
                    "clock-names": .strings(["a", "b"]), "phys": .cell(5), "ranges": .cells([0, 0x10, 0x40]),
                    "#address-cells": .cell(1), "#size-cells": .cell(1), "vcc-supply": .cell(4),
                    "dmas": .cells([6, 1]),
                    "interrupts": .cells([0, 1, 4]), "v,x": .cell(2),
                ],
                children: [
                    Node(
                        "c@8",
                        ["reg": .cells([8, 4]), "phandle": .cell(5), "#phy-cells": .cell(0), "interrupts": .cell(1)])
                ]),
            Node(
                "f",
                [
                    "compatible": .string("fixed-factor-clock"), "phandle": .cell(2), "clocks": .cells([3, 0]),
                    "clock-mult": .cell(2), "clock-div": .cell(3), "#clock-cells": .cell(0),
                ]),
            Node(
                "k",
                [
                    "compatible": .string("fixed-clock"), "phandle": .cell(3), "clock-frequency": .cell(9),
                    "#clock-cells": .cell(1), "clock-output-names": .strings(["m", "n"]),
                ]),
            Node(
                "r",
                [
                    "phandle": .cell(4), "regulator-min-microvolt": .cell(5), "regulator-max-microvolt": .cell(5),
                    "regulator-name": .string("v"),
                ]),
            Node("e", ["phandle": .cell(6), "#dma-cells": .cell(1), "reg": .cells([0x100, 8])]),
        ])

    /// 100,000 blobs, split so that the cores share them.
    @Test(.timeLimit(.minutes(2)), arguments: 0..<8) func `a damaged host gives an error or a node`(part: UInt64) throws
    {
        // Arrange
        let blob = try Tree(root: Self.host).serialized()
        let region = try #require(GuestRange(base: GuestAddress(0x1000), size: 64))
        let requests = ["d@10", "e"].map { name in
            NodeRequest(
                name: name, path: "/\(name)", regions: [region],
                interrupts: [.init(spi: SPI(rawValue: 2), trigger: .level)])
        }
        var damage = Damage(seed: part)
        var refused = 0
        var failed = 0
        var generated = 0

        // Act
        for number in 0..<12_500 {
            guard let tree = try? Tree(parsing: damage.damaged(blob)) else {
                refused += 1
                continue
            }
            // One device, or two that may refer to each other; each way of asking.
            var requests = number % 2 == 0 ? requests : [requests[0]]
            requests[0].settings.isStrict = number % 8 == 1
            var generator = NodeGenerator(
                tree: HostTree(tree, clockRates: ["n": 7]), phandles: PhandleAllocator(), explains: number % 4 == 0)
            do {
                let nodes = try generator.generate(requests)
                generated += 1
                if number % 16 == 0 { expectReadable(nodes, generator.shared, part) }
            } catch { failed += 1 }
        }

        // Assert: all three happen.
        #expect(refused + failed + generated == 12_500)
        #expect(refused > 1000 && failed > 100 && generated > 1000, "\(refused) \(failed) \(generated)")
    }

    /// What is generated can be written, and reads back as it was.
    private func expectReadable(_ nodes: [GuestNode], _ shared: SharedNodes, _ part: UInt64) {
        do {
            let tree = Tree(root: Node("", children: shared.nodes + nodes.map(\.node)))
            let copy = try Tree(parsing: tree.serialized())
            if copy != tree { Issue.record("part \(part): \(copy) is not \(tree)") }
        } catch { Issue.record("part \(part): \(error)") }
    }
}

/// Damages blobs, with an eye on what a tree is made of. SplitMix64: the same for the same seed, everywhere.
private struct Damage {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func number(below limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: (mixed ^ (mixed >> 31)) >> 33) % limit
    }

    private static let words: [UInt32] = [
        0, 1, 2, 3, 4, 5, 6, 8, 16, 17, 0x40, 0x100, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF8, .max,
    ]

    mutating func damaged(_ original: [UInt8]) -> [UInt8] {
        var blob = original
        for _ in 0...number(below: 3) {
            guard blob.count > 64 else { break }
            switch number(below: 12) {
            case 0:
                blob[number(below: blob.count)] ^= 1 << UInt8(number(below: 8))
            case 1:
                // Ends where the header says that it ends, or not.
                blob.removeLast(number(below: blob.count - 60) + 1)
                if number(below: 2) == 0 { put(UInt32(blob.count), at: 4, in: &blob) }
            case 2:
                // A string loses its end, or gets one in its middle.
                let place = number(below: blob.count)
                blob[place] = blob[place] == 0 ? 0x61 : 0
            case 3:
                // Two words change places: what was a phandle leads elsewhere.
                let (one, other) = (4 * number(below: blob.count / 4), 4 * number(below: blob.count / 4))
                for index in 0..<4 where max(one, other) + index < blob.count {
                    blob.swapAt(one + index, other + index)
                }
            default:
                // Mostly in the structure block, where phandles, counts and lengths are.
                put(
                    Self.words[number(below: Self.words.count)],
                    at: 56 + 4 * number(below: blob.count / 4 - 14),
                    in: &blob)
            }
        }
        return blob
    }

    private func put(_ word: UInt32, at offset: Int, in blob: inout [UInt8]) {
        for index in 0..<4 where offset + index < blob.count {
            blob[offset + index] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * index))
        }
    }
}

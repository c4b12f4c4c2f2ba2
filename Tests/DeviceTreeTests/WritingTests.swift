// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import DeviceTree

@Suite struct WritingTests {
    /// The root and one child, both with a property.
    private let small = Tree(
        root: Node("", ["model": .string("m")], children: [Node("cpu@0", ["reg": .cell(0)])]),
        reservations: [MemoryReservation(address: 0x8000_0000, size: 0x1000)])

    @Test func `a small tree is written as the specification lays it out`() throws {
        // Arrange: libfdt puts each name in front of the names before it.
        var expected = RawBlob()
        expected.strings = Array("reg\0model\0".utf8)
        expected.reservations = [0x8000_0000, 0x1000, 0, 0]
        expected.begin("")
        expected.property("model", Array("m\0".utf8), nameOffset: 4)
        expected.begin("cpu@0")
        expected.property("reg", [0, 0, 0, 0], nameOffset: 0)
        expected.end()
        expected.end()
        expected.finish()

        // Act
        let blob = try small.serialized()

        // Assert: past the header and libfdt's gap behind it, which the specification leaves free.
        #expect(blob.count == expected.bytes.count + 8)
        #expect(Array(blob.prefix(4)) == [0xD0, 0x0D, 0xFE, 0xED])
        #expect(try Tree(parsing: expected.bytes) == small)
        #expect(Array(blob.dropFirst(48).prefix(32)) == Array(expected.bytes.dropFirst(40).prefix(32)))
        #expect(Array(blob.dropFirst(80).prefix(expected.structure.count)) == expected.structure)
    }

    @Test func `the surveyed length is exact`() throws {
        var source = RandomTrees(seed: 11)
        for _ in 0..<200 {
            let tree = source.tree()
            let survey = try TreeSurvey(tree, limits: Tree.Limits())
            #expect(survey.byteCount == (try tree.serialized().count))
        }
    }

    @Test(arguments: [0, 1, 47, 48, 64, 100]) func `a buffer too small is grown`(capacity: Int) throws {
        #expect(try small.serialized(capacity: max(1, capacity), maximum: 1 << 20) == small.serialized())
    }

    @Test func `growing ends at the maximum`() {
        #expect(throws: DeviceTreeError.limitExceeded(.byteCount, limit: 100, place: "/")) {
            try small.serialized(capacity: 50, maximum: 100)
        }
    }

    @Test func `an empty tree is written and read`() throws {
        #expect(try Tree(parsing: Tree().serialized()) == Tree())
    }

    @Test(arguments: [
        ("", NameProblem.empty), ("a b", .character(0x20)), ("a/b", .character(0x2F)), ("nö", .character(0xC3)),
        ("a\0b", .character(0)), ("@1", .character(0x40)), ("a@", .emptyUnitAddress), ("a@1@2", .character(0x40)),
        ("a@1?", .character(0x3F)), ("#a", .character(0x23)), (".", .character(0x2E)), ("-a", .character(0x2D)),
        (String(repeating: "n", count: 32), .tooLong(length: 32, limit: 31)),
        (String(repeating: "n", count: 32) + "@1", .tooLong(length: 32, limit: 31)),
        ("a@" + String(repeating: "1", count: 254), .tooLong(length: 256, limit: 255)),
    ])
    func `a node's name against the rules is refused`(name: String, problem: NameProblem) {
        let tree = Tree(root: Node("", [:], children: [Node("soc", [:], children: [Node(name)])]))
        #expect(throws: DeviceTreeError.invalidNodeName(name, parent: "/soc", problem)) { try tree.serialized() }
    }

    @Test(arguments: [
        "a", "a,b.c_d+e-f", "A0@9,1", "3d-engine", "__symbols__", String(repeating: "n", count: 31) + "@80000000",
    ])
    func `a node's name by the rules is accepted`(name: String) throws {
        let tree = Tree(root: Node("", children: [Node(name)]))
        #expect(try Tree(parsing: tree.serialized()) == tree)
    }

    @Test(arguments: [
        ("", NameProblem.empty), ("a b", .character(0x20)), ("a@b", .character(0x40)), ("a\0", .character(0)),
        (String(repeating: "p", count: 256), .tooLong(length: 256, limit: 255)),
    ])
    func `a property's name against the rules is refused`(name: String, problem: NameProblem) {
        let tree = Tree(root: Node("", [:], children: [Node("soc", properties: [Property(name, .empty)])]))
        #expect(throws: DeviceTreeError.invalidPropertyName(name, node: "/soc", problem)) { try tree.serialized() }
    }

    @Test(arguments: [
        "#size-cells", "vendor,x?", "1+1", "-", "nvidia,pad-autocal-pull-down-offset-3v3-timeout",
    ])
    func `a property's name by the rules is accepted`(name: String) throws {
        let tree = Tree(root: Node("", properties: [Property(name, .empty)]))
        #expect(try Tree(parsing: tree.serialized()) == tree)
    }

    @Test func `longer node names are a matter of the limits`() throws {
        let tree = Tree(root: Node("", children: [Node(String(repeating: "n", count: 60))]))
        var limits = Tree.Limits()
        limits.nodeNameLength = 60
        #expect(try Tree(parsing: tree.serialized(limits: limits), limits: limits) == tree)
        #expect(throws: DeviceTreeError.self) { try Tree(parsing: tree.serialized(limits: limits)) }
    }

    @Test func `the root has no name`() {
        #expect(throws: DeviceTreeError.self) { try Tree(root: Node("soc")).serialized() }
    }

    @Test(arguments: [2, 16, 17, 100]) func `duplicates are refused`(count: Int) {
        var names = (0..<count).map { "n\($0)" }
        names[count - 1] = "n0"
        let children = names.map { Node($0) }
        let properties = names.map { Property($0, .empty) }
        #expect(throws: DeviceTreeError.duplicateNode(path: "/a/n0")) {
            try Tree(root: Node("", [:], children: [Node("a", children: children)])).serialized()
        }
        #expect(throws: DeviceTreeError.duplicateProperty("n0", node: "/a")) {
            try Tree(root: Node("", [:], children: [Node("a", properties: properties)])).serialized()
        }
    }

    @Test func `a property and a child may share a name`() throws {
        let tree = Tree(root: Node("", ["cpu": .empty], children: [Node("cpu"), Node("cpu@0")]))
        #expect(try Tree(parsing: tree.serialized()) == tree)
    }

    @Test func `a reservation of no bytes is refused`() {
        let tree = Tree(reservations: [MemoryReservation(address: 0x1000, size: 0)])
        #expect(throws: DeviceTreeError.emptyReservation(address: 0x1000)) { try tree.serialized() }
    }

    @Test func `depth, node count and size are limited`() throws {
        var node = Node("n")
        for _ in 0..<61 { node = Node("n", children: [node]) }
        let deep = Tree(root: Node("", children: [node]))
        #expect(try Tree(parsing: deep.serialized()) == deep)
        #expect(throws: DeviceTreeError.self) {
            try Tree(root: Node("", children: [Node("n", children: [node])])).serialized()
        }

        var limits = Tree.Limits()
        limits.nodeCount = 3
        let wide = Tree(root: Node("", children: (0..<3).map { Node("n\($0)") }))
        #expect(throws: DeviceTreeError.limitExceeded(.nodeCount, limit: 3, place: "/n2")) {
            try wide.serialized(limits: limits)
        }

        let big = Tree(root: Node("", ["big": .bytes([UInt8](repeating: 0, count: 2 << 20))]))
        #expect(throws: DeviceTreeError.limitExceeded(.byteCount, limit: 2 << 20, place: "/")) { try big.serialized() }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct PhandleTests {
    @Test func `an allocator starts at 1 and never repeats`() throws {
        var allocator = PhandleAllocator()
        let phandles = try (0..<1000).map { _ in try allocator.allocate().rawValue }
        #expect(phandles == Array(1...1000))
    }

    @Test func `phandles of a tree are never handed out`() throws {
        // Arrange
        let tree = Tree(
            root: Node(
                "", ["phandle": .cell(2)],
                children: [
                    Node("a", ["linux,phandle": .cell(1)], children: [Node("b", ["phandle": .cell(5)])]),
                    Node("c", ["phandle": .cell(4), "linux,phandle": .cell(6)]),
                    Node("d", ["phandle": .cell(0)]), Node("e", ["phandle": .cell(0xFFFF_FFFE)]),
                    Node("f", ["phandle": .string("not a number")]),
                ]))

        // Act
        var allocator = PhandleAllocator(avoiding: tree)
        let phandles = try (0..<4).map { _ in try allocator.allocate().rawValue }

        // Assert
        #expect(phandles == [3, 7, 8, 9])
    }

    @Test func `a phandle can be reserved later`() throws {
        var allocator = PhandleAllocator()
        #expect(try allocator.allocate().rawValue == 1)
        allocator.reserve(try #require(Phandle(rawValue: 2)))
        #expect(try allocator.allocate().rawValue == 3)
    }

    @Test func `a node's phandle is found by either spelling and written by one`() throws {
        let phandle = try #require(Phandle(rawValue: 8))
        var node = Node("n", ["linux,phandle": .cell(3)])
        #expect(node.phandle?.rawValue == 3)
        node.phandle = phandle
        #expect(node.properties == [Property("phandle", .cell(8))])
        node.phandle = nil
        #expect(node.properties.isEmpty)
    }

    @Test func `the path of a phandle is found`() throws {
        let tree = Tree(
            root: Node("", [:], children: [Node("a", [:], children: [Node("b@1", ["phandle": .cell(9)])])]))
        #expect(tree.path(of: try #require(Phandle(rawValue: 9))) == "/a/b@1")
        #expect(tree.path(of: try #require(Phandle(rawValue: 8))) == nil)
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct RandomTreeTests {
    @Test(arguments: [1, 2, 3, 4]) func `a tree that is written reads back equal`(seed: UInt64) throws {
        var source = RandomTrees(seed: seed)
        for _ in 0..<1000 {
            let tree = source.tree()
            let copy = try Tree(parsing: tree.serialized())
            // Not `#expect(copy == tree)`: its bookkeeping for each of thousands would take most of the time.
            if copy != tree { Issue.record("seed \(seed): \(copy) is not \(tree)") }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: [5, 6, 7, 8])
    func `a damaged blob gives an error or a tree`(seed: UInt64) throws {
        // Arrange
        var source = RandomTrees(seed: seed)
        var refusedCount = 0
        var acceptedCount = 0

        // Act
        for _ in 0..<500 {
            let blob = try source.tree(nodeCount: 8).serialized()
            for _ in 0..<15 {
                do {
                    let tree = try Tree(parsing: source.damaged(blob))
                    acceptedCount += 1
                    // What is accepted is a good tree: libfdt's writer and this reader take it too.
                    let copy = try Tree(parsing: tree.serialized())
                    if copy != tree { Issue.record("seed \(seed): \(copy) is not \(tree)") }
                } catch {
                    refusedCount += 1
                }
            }
        }

        // Assert: 7,500 for each of four seeds, and both outcomes were put to the test.
        #expect(refusedCount > 1000)
        #expect(acceptedCount > 500)
        #expect(refusedCount + acceptedCount == 7500)
    }
}

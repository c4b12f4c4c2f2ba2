// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Makes valid trees of all shapes, and damages blobs.
struct RandomTrees {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    /// A tree of at most `nodeCount` nodes.
    mutating func tree(nodeCount: Int = 12) -> Tree {
        var budget = nodeCount - 1
        let root = node(named: "", depth: 0, budget: &budget)
        let reservations = (0..<(number(0...3) == 0 ? number(1...3) : 0)).map { _ in
            MemoryReservation(address: generator.next(), size: generator.next() | 1)
        }
        return Tree(root: root, reservations: reservations)
    }

    private mutating func node(named name: String, depth: Int, budget: inout Int) -> Node {
        var node = Node(name)
        for _ in 0..<number(0...5) { node[property: propertyName()] = value() }
        let childCount = depth < 10 ? min(budget, number(0...4)) : 0
        budget -= childCount
        for _ in 0..<childCount {
            let child = self.node(named: nodeName(), depth: depth + 1, budget: &budget)
            if !node.children.contains(where: { $0.name == child.name }) { node.children.append(child) }
        }
        return node
    }

    private mutating func name(_ alphabet: String, _ length: ClosedRange<Int>) -> String {
        let characters = Array(alphabet)
        return String((0..<number(length)).map { _ in characters[number(0...characters.count - 1)] })
    }

    private mutating func nodeName() -> String {
        let letters = "abcdefgXYZ"
        let name = name(letters, 1...1) + name(letters + "0189,._+-", 0...30)
        return number(0...1) == 0 ? name : name + "@" + self.name("0123456789abcdef,", 1...16)
    }

    private mutating func propertyName() -> String {
        switch number(0...3) {
        case 0: ["reg", "compatible", "status", "#address-cells", "phandle"][number(0...4)]
        default: name("abcdefghijklXYZ0189,._+?#-", 1...40)
        }
    }

    private mutating func value() -> PropertyValue {
        switch number(0...5) {
        case 0: return .empty
        case 1: return .cells((0..<number(1...6)).map { _ in UInt32(truncatingIfNeeded: generator.next()) })
        case 2: return .cells64([generator.next()])
        case 3: return .string(name("abc \\\"{};ö", 0...20))
        case 4: return .strings((0..<number(1...4)).map { _ in name("abc,-", 1...9) })
        default: return .bytes((0..<number(0...40)).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        }
    }

    /// `blob` with a few things wrong.
    mutating func damaged(_ blob: [UInt8]) -> [UInt8] {
        var blob = blob
        for _ in 0..<number(1...3) {
            guard blob.count > 8 else { return blob }
            switch number(0...5) {
            case 0:
                blob[number(0...blob.count - 1)] ^= 1 << UInt8(number(0...7))
            case 1:
                blob[number(0...blob.count - 1)] = UInt8(truncatingIfNeeded: generator.next())
            case 2:
                // A token, a length or an offset that means trouble.
                let words: [UInt32] = [
                    0, 1, 2, 3, 4, 9, 40, 0x1000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFF4, 0xFFFF_FFF8, .max,
                ]
                put(words[number(0...words.count - 1)], at: 4 * number(0...blob.count / 4 - 1), in: &blob)
            case 3:
                blob.removeLast(number(1...blob.count))
                // Half of the time the header agrees, so that what is missing is missed further in.
                if number(0...1) == 0, blob.count >= 40 { put(UInt32(blob.count), at: 4, in: &blob) }
            case 4:
                let start = 4 * number(0...blob.count / 4 - 1)
                let end = min(blob.count, start + 4 * number(1...8))
                let place = 4 * number(0...blob.count / 4 - 1)
                blob.insert(contentsOf: blob[start..<end], at: place)
            default:
                let start = 4 * number(0...blob.count / 4 - 1)
                blob.removeSubrange(start..<min(blob.count, start + 4 * number(1...8)))
            }
        }
        return blob
    }

    /// `tree` with one thing changed that its blob's form allows.
    mutating func twisted(_ tree: Tree) -> Tree {
        var tree = tree
        twist(&tree.root)
        return tree
    }

    private mutating func twist(_ node: inout Node) {
        if !node.children.isEmpty, number(0...4) != 0 {
            return twist(&node.children[number(0...node.children.count - 1)])
        }
        guard !node.properties.isEmpty else { return node.children.removeAll() }
        let index = number(0...node.properties.count - 1)
        switch number(0...4) {
        case 0: node.properties.remove(at: index)
        case 1: node.properties[index].name += "x"
        case 2: node.properties[index].value = .cell(UInt32(number(0...40)))
        case 3: node.properties[index].value = .empty
        default:
            var bytes = node.properties[index].value.bytes
            if !bytes.isEmpty { bytes[number(0...bytes.count - 1)] ^= 1 << UInt8(number(0...7)) }
            node.properties[index].value = .bytes(bytes)
        }
    }

    private func put(_ word: UInt32, at offset: Int, in blob: inout [UInt8]) {
        for index in 0..<4 { blob[offset + index] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * index)) }
    }
}

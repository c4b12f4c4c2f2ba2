// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// The nodes that devices share, for the root of the guest's tree: fixed clocks and regulators. Hands out phandles as well.
public struct SharedNodes: Sendable {
    private struct Clock: Equatable {
        let provider: String
        let arguments: [UInt32]
        let hertz: UInt32
    }

    /// The nodes so far.
    public private(set) var nodes: [Node] = []
    private var phandles: PhandleAllocator
    private var clocks: [(clock: Clock, phandle: Phandle)] = []
    private var regulators: [(provider: String, phandle: Phandle)] = []

    /// - Parameter phandles: avoids those that the board has taken.
    public init(phandles: PhandleAllocator) { self.phandles = phandles }

    /// A clock of this rate for an emulated device's `clocks` property.
    public mutating func reference(hertz: UInt32) throws(DeviceTreeError) -> PropertyValue {
        if let known = clocks.first(where: { $0.clock.hertz == hertz }) { return .phandle(known.phandle) }
        return .phandle(try clock(provider: "", arguments: [], hertz: hertz))
    }

    /// A fixed clock that stands for one of the host's; the same one for all who use that.
    mutating func clock(
        provider: String, arguments: [UInt32], hertz: UInt32
    ) throws(DeviceTreeError) -> Phandle {
        let clock = Clock(provider: provider, arguments: arguments, hertz: hertz)
        if let known = clocks.first(where: { $0.clock == clock }) { return known.phandle }
        // Linux calls a fixed clock after its node, and wants those names to differ.
        let phandle = try add(
            "clock-\(hertz)",
            ["compatible": .string("fixed-clock"), "#clock-cells": .cell(0), "clock-frequency": .cell(hertz)])
        clocks.append((clock, phandle))
        return phandle
    }

    /// A fixed regulator that stands for one of the host's.
    mutating func regulator(
        provider: String, name: String, microvolts: UInt32
    ) throws(DeviceTreeError) -> Phandle {
        if let known = regulators.first(where: { $0.provider == provider }) { return known.phandle }
        let phandle = try add(
            "regulator-\(Self.nodeName(name))",
            [
                "compatible": .string("regulator-fixed"), "regulator-name": .string(name),
                "regulator-min-microvolt": .cell(microvolts), "regulator-max-microvolt": .cell(microvolts),
            ])
        regulators.append((provider, phandle))
        return phandle
    }

    /// Hands out only phandles above the host's from now on.
    mutating func begin(above highest: Phandle) { phandles.begin(above: highest) }

    /// A phandle for a node of a device.
    mutating func allocate() throws(DeviceTreeError) -> Phandle { try phandles.allocate() }

    /// Whether a number could be handed out as a phandle.
    func mayHandOut(_ phandle: Phandle) -> Bool { phandles.mayHandOut(phandle) }

    /// Keeps a number from being handed out as a phandle.
    mutating func reserve(_ phandle: Phandle) { phandles.reserve(phandle) }

    private mutating func add(
        _ name: String, _ properties: KeyValuePairs<String, PropertyValue>
    ) throws(DeviceTreeError) -> Phandle {
        var node = Node(name, properties)
        var number = 1
        while nodes.contains(where: { $0.name == node.name }) {
            node.name = "\(name)-\(number)"
            number += 1
        }
        let phandle = try phandles.allocate()
        node.phandle = phandle
        nodes.append(node)
        return phandle
    }

    /// `name` as it may stand in a node's: lower case, digits and dashes, and not for ever.
    private static func nodeName(_ name: String) -> String {
        let letters = name.lowercased().utf8.prefix(16).map { byte in
            let isPlain = 0x61...0x7A ~= byte || 0x30...0x39 ~= byte
            return Character(UnicodeScalar(isPlain ? byte : 0x2D))
        }
        return String(letters)
    }
}

/// The nodes of the host that the guest gets, with what is below them.
struct PassedNodes {
    private var folders: [Phandle: String] = [:]
    /// What the guest's copies are called by, where something refers to them.
    private(set) var guestPhandles: [String: Phandle] = [:]

    /// Adds a node and what is below it. Where a phandle is there twice, the first node has it.
    mutating func add(_ node: Node, _ folder: String) {
        if let phandle = node.phandle, folders[phandle] == nil { folders[phandle] = folder }
        for child in node.children { add(child, "\(folder)/\(child.name)") }
    }

    /// Where the node with a phandle of the host is, if the guest gets it.
    func folder(of phandle: Phandle) -> String? { folders[phandle] }

    /// Whether one of a value's cells could lead to such a node.
    func mayContain(_ value: PropertyValue) -> Bool {
        if folders.isEmpty { return false }
        var reader = value.reader
        while let cell = reader.cell() {
            if let phandle = Phandle(rawValue: cell), folders[phandle] != nil { return true }
        }
        return false
    }

    /// Whether all of a value's cells are phandles of such nodes.
    func contains(allOf value: PropertyValue) -> Bool {
        guard !folders.isEmpty, !value.bytes.isEmpty, value.bytes.count % 4 == 0 else { return false }
        var reader = value.reader
        while let cell = reader.cell() {
            guard let phandle = Phandle(rawValue: cell), folders[phandle] != nil else { return false }
        }
        return true
    }

    /// The phandle of the guest's copy of `folder`.
    mutating func guestPhandle(of folder: String, _ shared: inout SharedNodes) throws(DeviceTreeError) -> Phandle {
        if let known = guestPhandles[folder] { return known }
        let phandle = try shared.allocate()
        guestPhandles[folder] = phandle
        return phandle
    }

    /// Writes the phandles into the copies.
    func label(_ node: inout Node, _ folder: String) {
        if guestPhandles.isEmpty { return }
        if let phandle = guestPhandles[folder] { node.phandle = phandle }
        for index in node.children.indices {
            label(&node.children[index], "\(folder)/\(node.children[index].name)")
        }
    }
}

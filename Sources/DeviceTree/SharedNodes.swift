// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The nodes that devices share, for the root of the guest's tree: fixed clocks and regulators.
///
/// It also allocates phandles.
public struct SharedNodes: Sendable {
    private struct Clock: Equatable {
        let provider: String
        let arguments: [UInt32]
        let hertz: UInt32
    }

    /// A line of the board's reset controller, with the device that refers to it.
    public struct ResetLine: Equatable, Sendable {
        /// The device's name on the host.
        public let device: String
        /// Whether the line belongs to the device's own node, and not to one below it, which describes a part.
        public let isOwn: Bool

        /// Creates a line of the device.
        public init(device: String, isOwn: Bool) {
            self.device = device
            self.isOwn = isOwn
        }
    }

    /// A copy of a block of registers of the host.
    public struct RegisterCopy: Equatable, Sendable {
        /// The folder of the block's node in the host's tree.
        public let folder: String
        /// The phandle of the copy's node.
        public let phandle: Phandle
    }

    /// The largest number of lines of the controller: one bit for each, in a page of registers.
    public static let resetLineLimit = 4096 * 8

    /// The reset lines so far, by number.
    public private(set) var resetLines: [ResetLine] = []
    /// The phandle of the board's reset controller; nil if nothing refers to it. The board writes its node.
    public private(set) var resetController: Phandle?
    /// The copies of register blocks to which devices refer. The board writes their nodes.
    public private(set) var registerCopies: [RegisterCopy] = []
    /// The nodes so far.
    public private(set) var nodes: [Node] = []
    private var phandles: PhandleAllocator
    private var clocks: [(clock: Clock, phandle: Phandle)] = []
    private var regulators: [(provider: String, phandle: Phandle)] = []

    /// - Parameter phandles: avoids the phandles that the board has taken.
    public init(phandles: PhandleAllocator) { self.phandles = phandles }

    /// A clock with this rate for an emulated device's `clocks` property.
    public mutating func reference(hertz: UInt32) throws(DeviceTreeError) -> PropertyValue {
        if let known = clocks.first(where: { $0.clock.hertz == hertz }) { return .phandle(known.phandle) }
        return .phandle(try clock(provider: "", arguments: [], hertz: hertz))
    }

    /// A fixed clock that replaces one of the host's; all devices that use that clock share it.
    package mutating func clock(
        provider: String, arguments: [UInt32], hertz: UInt32
    ) throws(DeviceTreeError) -> Phandle {
        let clock = Clock(provider: provider, arguments: arguments, hertz: hertz)
        if let known = clocks.first(where: { $0.clock == clock }) { return known.phandle }
        // Linux names a fixed clock after its node, and requires different names.
        let phandle = try add(
            "clock-\(hertz)",
            ["compatible": .string("fixed-clock"), "#clock-cells": .cell(0), "clock-frequency": .cell(hertz)])
        clocks.append((clock, phandle))
        return phandle
    }

    /// A fixed regulator that replaces one of the host's.
    package mutating func regulator(
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

    /// The phandle of the board's reset controller, which the board must have from now on.
    public mutating func phandleOfResetController() throws(DeviceTreeError) -> Phandle {
        if let known = resetController { return known }
        let phandle = try phandles.allocate()
        resetController = phandle
        return phandle
    }

    /// The phandle of the copy of a register block, which the board must have from now on.
    package mutating func phandle(ofCopyOf folder: String) throws(DeviceTreeError) -> Phandle {
        if let known = registerCopies.first(where: { $0.folder == folder }) { return known.phandle }
        let phandle = try phandles.allocate()
        registerCopies.append(RegisterCopy(folder: folder, phandle: phandle))
        return phandle
    }

    /// Adds a line to the board's reset controller; nil when there are too many.
    package mutating func add(
        _ line: ResetLine
    ) throws(DeviceTreeError) -> (controller: Phandle, number: UInt32)? {
        guard resetLines.count < Self.resetLineLimit else { return nil }
        let controller = try phandleOfResetController()
        resetLines.append(line)
        return (controller, UInt32(resetLines.count - 1))
    }

    /// Allocates only phandles above the host's from now on.
    package mutating func begin(above highest: Phandle) { phandles.begin(above: highest) }

    /// Allocates a phandle for a node of a device.
    public mutating func allocate() throws(DeviceTreeError) -> Phandle { try phandles.allocate() }

    /// Whether a number may still be allocated as a phandle.
    package func mayHandOut(_ phandle: Phandle) -> Bool { phandles.mayHandOut(phandle) }

    /// Reserves a number, so that it isn't allocated as a phandle.
    package mutating func reserve(_ phandle: Phandle) { phandles.reserve(phandle) }

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

    /// `name` in a form that a node's name allows: lower case, digits and dashes, and a limited length.
    private static func nodeName(_ name: String) -> String {
        let letters = name.lowercased().utf8.prefix(16).map { byte in
            let isPlain = UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            return Character(UnicodeScalar(isPlain ? byte : UInt8(ascii: "-")))
        }
        return String(letters)
    }
}

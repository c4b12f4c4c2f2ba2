// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import Foundation
import GuestNodes
import HostDevices
internal import PlatformBus

/// All devices of a board through the node generator: each alone, with explanations as `martlet devices NAME` has them,
/// and all together as one guest would have them.
struct Trial {
    let board: Board
    private(set) var tally = Tally()
    /// The guest's trees with one device each, for dtc.
    private(set) var blobs: [(device: String, blob: [UInt8])] = []
    private let host: HostTree

    init(_ board: Board) {
        self.board = board
        host = HostTree(board.tree)
    }

    mutating func run() {
        tally.boards = 1
        let devices = board.devices
        tally.devices = devices.count
        var requests: [NodeRequest] = []
        for device in devices {
            do {
                let request = try request(device)
                var generator = try Self.generator(host, explains: true)
                let nodes = try generator.generate([request])
                requests.append(request)
                try judge(device, nodes, generator.shared)
                try judgeVerdict(device, request, nodes)
            } catch { tally.note(.failures, "\(board.name) \(device.path): \(error)") }
        }
        do { try judgeTogether(devices, requests) } catch { tally.note(.failures, "\(board.name): \(error)") }
    }

    private static func generator(_ host: HostTree, explains: Bool) throws -> NodeGenerator {
        var phandles = PhandleAllocator()
        // The interrupt controller's.
        _ = try phandles.allocate()
        return NodeGenerator(tree: host, phandles: phandles, explains: explains)
    }

    /// As `DeviceSurvey.nodeRequest` makes it.
    private func request(_ device: Board.Device) throws -> NodeRequest {
        guard let window = GuestRange(base: GuestAddress(0x0C00_0000), size: 0x4_0000_0000) else {
            throw GuestNodeError.noDeviceTreeNode(device: device.path)
        }
        let bus = BusMap(windows: [window], spiCount: 988)
        var request = NodeRequest(name: device.node.name, path: device.path, regions: [], interrupts: [])
        let blocks = HostAddresses.blocks(of: device.path, tree: host)
        for (index, block) in blocks.prefix(while: { $0.address != nil }).enumerated() where block.size > 0 {
            request.regions.append(try bus.allocateWindow(device.node.name, size: min(block.size, 1 << 28)))
            request.regionIndices.append(index)
        }
        for line in HostInterrupts(tree: host).specifiers(of: device.path) {
            request.interrupts.append(
                .init(spi: try bus.allocateSPI(device.node.name), trigger: line.trigger ?? .level))
        }
        return request
    }

    /// The guest's tree: the generated nodes and as much of a board as they can refer to.
    private static func guestTree(_ nodes: [Node], _ shared: SharedNodes) -> Tree {
        var root = Node(
            "",
            [
                "#address-cells": .cell(2), "#size-cells": .cell(2), "compatible": .string("linux,dummy-virt"),
                "model": .string("Martlet virtual machine"), "interrupt-parent": .cell(1),
            ])
        root.children = [
            Node(
                "interrupt-controller@8000000",
                [
                    "compatible": .string("arm,gic-v3"), "#address-cells": .cell(0), "#interrupt-cells": .cell(3),
                    "interrupt-controller": .empty, "reg": .cells64([0x800_0000, 0x1_0000, 0x80A_0000, 0x10_0000]),
                    "phandle": .cell(1),
                ])
        ]
        root.children += shared.nodes + nodes.filter { $0[property: "reg"] == nil }
        if let controller = shared.resetController {
            root.children.append(
                Node(
                    "reset-controller@9040000",
                    [
                        "compatible": .string("snps,dw-low-reset"), "reg": .cells64([0x904_0000, 0x1000]),
                        "#reset-cells": .cell(1), "phandle": .cell(controller.rawValue),
                    ]))
        }
        let onBus = nodes.filter { $0[property: "reg"] != nil }
        if !onBus.isEmpty {
            root.children.append(
                Node(
                    "platform-bus@c000000",
                    [
                        "compatible": .string("simple-bus"), "#address-cells": .cell(2), "#size-cells": .cell(2),
                        "ranges": .cells64([0x0C00_0000, 0x0C00_0000, 0x4_0000_0000]),
                    ], children: onBus))
        }
        return Tree(root: root)
    }

    // MARK: Judgement

    private mutating func judge(_ device: Board.Device, _ nodes: [GuestNode], _ shared: SharedNodes) throws {
        guard let node = nodes.first else { return }
        let tree = Self.guestTree([node.node], shared)
        let blob = try tree.serialized(limits: .ofHosts)
        if try Tree(parsing: blob, limits: .ofHosts) != tree { tally.note(.changedByWriting, device.path) }
        blobs.append(("\(board.name) \(device.path)", blob))
        tally.longestExplanation = max(tally.longestExplanation, Self.count(node.dependencies))
        tally.warnings += node.warnings.count
        var phandles: Set<UInt32> = []
        Self.collect(tree.root, &phandles)
        var isStale = false
        for fate in node.fates where !fate.property.isEmpty {
            let place = fate.node.isEmpty ? device.path : "\(device.path)/\(fate.node)"
            let references = board.references(fate.property, ofNodeAt: place)
            let text = "\(board.name) \(place) \(fate.property)"
            let isTaken = fate.reason.hasPrefix("taken for")
            if isTaken { tally.note(references.isEmpty ? .falseNotes : .trueNotes, text) }
            if fate.fate == .dropped, fate.advice != nil { tally.losses += 1 }
            if references.isEmpty {
                if fate.fate == .rewritten, fate.reason.hasPrefix("the guest's /") { tally.note(.numbersTaken, text) }
                continue
            }
            guard fate.fate == .copied, let cells = board.tree.node(at: place)?[property: fate.property]?.cells
            else { continue }
            isStale = true
            for index in references where cells.indices.contains(index) {
                tally.note(.staleReferences, text)
                if phandles.contains(cells[index]) { tally.note(.wrongReferences, text) }
            }
        }
        if isStale { tally.staleDevices += 1 }
    }

    /// Whether the device will probably work, by the tree alone and with a record of its clocks. Not of one of which
    /// each CPU has a line, or that has no registers.
    private mutating func judgeVerdict(_ device: Board.Device, _ request: NodeRequest, _ nodes: [GuestNode]) throws {
        guard let kind = DeviceKind(node: device.node.name), !request.regions.isEmpty, let node = nodes.first,
            !HostInterrupts(tree: host).specifiers(of: device.path).contains(where: \.isPerCPU)
        else { return }
        var share = Tally.Share()
        share.devices = 1
        var needs = node.needs()
        if needs.isEmpty { share.work = 1 }
        if !needs.isEmpty, let record = SimulatedRecord(tree: host).record(of: device) {
            var request = request
            request.record = record
            var phandles = PhandleAllocator()
            _ = try phandles.allocate()
            var generator = NodeGenerator(tree: host, phandles: phandles, explains: true, tellsDependencies: false)
            needs = try generator.generate([request]).first?.needs() ?? []
        }
        if needs.isEmpty { share.workWithRecord = 1 }
        for need in needs { share.needs[Self.word(need), default: 0] += 1 }
        for need in needs {
            let name = device.node[property: "compatible"]?.strings?.first ?? "-"
            tally.unmet.append("\(kind.rawValue)\t\(name)\t\(need.description)\t\(board.name) \(device.path)")
        }
        tally.shares[kind, default: Tally.Share()].add(share)
    }

    private static func word(_ need: NodeNeed) -> String {
        switch need {
        case .clocks: "clocks"
        case .others: "other devices"
        case .resets: "resets"
        case .registerBlocks: "register blocks"
        case .powerDomains: "power domains"
        }
    }

    private mutating func judgeTogether(_ devices: [Board.Device], _ requests: [NodeRequest]) throws {
        var explaining = try Self.generator(host, explains: true)
        let nodes = try explaining.generate(requests)
        var plain = try Self.generator(host, explains: false)
        if try plain.generate(requests).map(\.node) != nodes.map(\.node) {
            tally.note(.changedByExplaining, board.name)
        }
        let tree = Self.guestTree(Self.renamed(nodes.map(\.node)), explaining.shared)
        let blob = try tree.serialized(limits: .ofHosts)
        if try Tree(parsing: blob, limits: .ofHosts) != tree { tally.note(.changedByWriting, board.name) }
        var phandles: Set<UInt32> = []
        Self.collect(tree.root, &phandles)
        for (request, node) in zip(requests, nodes) {
            guard let path = request.path else { continue }
            for fate in node.fates where fate.fate == .copied && !fate.property.isEmpty {
                let place = fate.node.isEmpty ? path : "\(path)/\(fate.node)"
                let cells = board.tree.node(at: place)?[property: fate.property]?.cells ?? []
                for index in board.references(fate.property, ofNodeAt: place) where cells.indices.contains(index) {
                    tally.staleTogether += 1
                    if phandles.contains(cells[index]) {
                        tally.note(.wrongReferences, "\(board.name) \(place) \(fate.property), all devices together")
                    }
                }
            }
        }
    }

    /// Each device was given the first window of a bus of its own, so names can be there twice.
    private static func renamed(_ nodes: [Node]) -> [Node] {
        nodes.enumerated().map { index, node in
            var node = node
            node.name = "d\(index)-\(node.name)"
            return node
        }
    }

    private static func count(_ dependencies: [NodeDependency]) -> Int {
        dependencies.reduce(0) { $0 + 1 + count($1.dependencies) }
    }

    private static func collect(_ node: Node, _ phandles: inout Set<UInt32>) {
        if let phandle = node.phandle { phandles.insert(phandle.rawValue) }
        for child in node.children { collect(child, &phandles) }
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import GuestNodes
internal import HostDevices
internal import LinuxSystem
internal import Machine
internal import Passthrough

/// The guest's node of one device as text: the node itself, the fate of each property, and its dependencies.
struct NodeText {
    /// The node, or why there is none.
    let preview: Result<NodePreview, MachineError>

    init(_ preview: Result<NodePreview, MachineError>) { self.preview = preview }

    var lines: [String] {
        switch preview {
        case .failure(let error):
            return ["  the guest's node:"] + Self.indented("\(error)")
        case .success(let preview):
            guard let node = preview.nodes.first else { return [] }
            return ["  the guest's node, in a guest without other devices:"] + Self.indented(node.node.description)
                + preview.shared.flatMap { Self.indented($0.description) } + Self.fates(node)
                + Self.dependencies(node)
        }
    }

    private static func indented(_ text: String) -> [String] {
        text.split(separator: "\n").map { "    \($0)" }
    }

    private static func fates(_ node: GuestNode) -> [String] {
        if node.fates.isEmpty { return [] }
        let places = node.fates.map(\.path)
        let width = places.map(\.count).max() ?? 0
        return ["  its properties:"]
            + zip(places, node.fates).flatMap { place, fate in
                let padding = String(repeating: " ", count: width - place.count)
                let sign = fate.isWarning ? "warning: " : ""
                return ["    \(place)\(padding)  \(fate.fate.rawValue): \(sign)\(fate.reason)"]
                    + (fate.advice.map { ["    \(String(repeating: " ", count: width))  \($0)"] } ?? [])
            }
    }

    private static func dependencies(_ node: GuestNode) -> [String] {
        if node.dependencies.isEmpty { return [] }
        return ["  it depends on:"] + node.dependencies.flatMap { lines($0, depth: 0) }
    }

    private static func lines(_ dependency: NodeDependency, depth: Int) -> [String] {
        let name = dependency.name.map { " \($0)" } ?? ""
        let arguments = dependency.arguments.map { " \($0)" }.joined()
        let outcome =
            (dependency.outcome.isEmpty ? "" : ": \(dependency.outcome)")
            + (dependency.isToldAbove ? "; its dependencies are above" : "")
        let indentation = String(repeating: "  ", count: depth + 2)
        return ["\(indentation)\(dependency.property)\(name): \(dependency.provider)\(arguments)\(outcome)"]
            + dependency.dependencies.flatMap { lines($0, depth: depth + 1) }
    }
}

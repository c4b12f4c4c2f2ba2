// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices

/// A reference of the device's own node, or several entries of a list, that the guest can't have.
struct MissingReference: Equatable {
    let property: String
    /// The names of the entries, or their indices.
    let names: [String]
    /// The nodes that the entries refer to, each once.
    let providers: [NodeNeed.Provider]
    let kind: ReferenceRule.Kind
    /// How many entries the property has.
    let count: Int
}

/// Something that a guest's driver probably requires, and that the guest's node doesn't have.
public enum NodeNeed: Equatable, Sendable {
    /// A node of the host that a device refers to.
    public struct Provider: Equatable, Sendable {
        /// The path of the node of a device: the one that is referred to, or the first node above it with registers.
        public let path: String
        /// Whether it is a block of registers that several of the host's drivers share (`syscon`).
        public let isRegisterBlock: Bool
    }

    /// The rates of these clocks, by name or index.
    case clocks([String])
    /// These nodes must be passed through too.
    case others([Provider])
    /// Its reset lines, which the guest's reset controller can't have: by name or index.
    case resets([String])
    /// These register blocks, by the properties that refer to them.
    case registerBlocks([String], [Provider])
    /// The host must keep this many power domains on.
    case powerDomains(Int)

    /// A few words, with the key or the command that solves it.
    public var description: String {
        switch self {
        case .clocks(let names): "clocks \(Self.list(names))(device_tree.clocks)"
        case .others(let providers):
            "pass also \(providers.map { String($0.path.split(separator: "/").last ?? "/") }.joined(separator: ", "))"
        case .resets(let names): "resets \(Self.list(names))(device_tree.overlay)"
        case .registerBlocks(let properties, _): "register block \(properties.joined(separator: ", "))"
        case .powerDomains(let count): "its \(count) power domains kept on (martlet-hold)"
        }
    }

    /// The names as text; empty if the property couldn't be read.
    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "" : names.joined(separator: ", ") + " "
    }
}

extension GuestNode {
    /// What its driver probably requires; empty unless explanations were requested.
    ///
    /// Power domains that the host holds don't count.
    /// - Parameter isHeld: whether the host keeps the device powered.
    public func needs(isHeld: Bool = false) -> [NodeNeed] {
        let demands = DriverDemands(
            compatible: node[property: "compatible"]?.strings ?? [], properties: node.properties.map(\.name))
        var needs: [NodeNeed] = []
        var others: [NodeNeed.Provider] = []
        var blocks: (properties: [String], providers: [NodeNeed.Provider]) = ([], [])
        for missing in missing {
            switch missing.kind {
            case .clock: if demands.clocks { needs.append(.clocks(missing.names)) }
            case .reset: if demands.resets { needs.append(.resets(missing.names)) }
            case .host(.power):
                if missing.property == "power-domains", missing.count > 1, !isHeld {
                    needs.append(.powerDomains(missing.count))
                }
            // Linux uses a dummy supply instead.
            case .supply, .host: break
            case .link:
                guard demands.needs(missing.property) else { continue }
                for provider in missing.providers where provider.isRegisterBlock {
                    if !blocks.providers.contains(provider) { blocks.providers.append(provider) }
                }
                for provider in missing.providers where !provider.isRegisterBlock && !others.contains(provider) {
                    others.append(provider)
                }
                if missing.providers.allSatisfy(\.isRegisterBlock) { blocks.properties.append(missing.property) }
            }
        }
        if !others.isEmpty { needs.append(.others(others)) }
        if !blocks.properties.isEmpty { needs.append(.registerBlocks(blocks.properties, blocks.providers)) }
        return needs
    }
}

extension NodeWriter {
    /// Records the lost entries of a property of the device's own node.
    /// - Parameter outcomes: empty if the property can't be read.
    mutating func demand(
        _ property: Property, _ rule: ReferenceRule, _ names: [String]?, _ references: [NodeReference?],
        _ outcomes: [ReferenceOutcome], place: String
    ) {
        guard place.isEmpty else { return }
        let lost = outcomes.indices.filter { !outcomes[$0].isCarried }
        var providers: [NodeNeed.Provider] = []
        for index in lost {
            guard let reference = references[index] else { continue }
            let provider = provider(at: reference.provider)
            if !providers.contains(provider) { providers.append(provider) }
        }
        let keys = lost.map { index in names.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? "\(index)" }
        missing.append(
            MissingReference(
                property: property.name, names: outcomes.isEmpty ? names ?? [] : keys, providers: providers,
                kind: rule.kind, count: outcomes.count))
    }

    private func provider(at folder: String) -> NodeNeed.Provider {
        var next: String? = folder
        while let current = next {
            if let compatible = tree.value("compatible", of: current)?.strings,
                tree.value("reg", of: current) != nil || tree.value("interrupts", of: current) != nil
            {
                return .init(path: tree.path(current), isRegisterBlock: compatible.contains("syscon"))
            }
            next = tree.parent(of: current)
        }
        return .init(path: tree.path(folder), isRegisterBlock: false)
    }
}

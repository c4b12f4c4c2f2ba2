// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices

/// A reference, or some of a list's, of the device's own node that the guest can't have.
struct MissingReference: Equatable {
    let property: String
    /// Entries of the property that names them, or their indices.
    let names: [String]
    /// The nodes that they lead to, each once.
    let providers: [NodeNeed.Provider]
    let kind: ReferenceRule.Kind
    /// How many entries the property has.
    let count: Int
}

/// What a guest's driver probably doesn't start without, and the guest's node doesn't have.
public enum NodeNeed: Equatable, Sendable {
    /// A node of the host that a device refers to.
    public struct Provider: Equatable, Sendable {
        /// The path of the node that a device is made of: the one that is referred to, or the first above that has
        /// registers.
        public let path: String
        /// Whether it is a block of registers that several of the host's drivers share (`syscon`).
        public let isRegisterBlock: Bool
    }

    /// The rates of these clocks, by name or index.
    case clocks([String])
    /// These nodes, passed through as well.
    case others([Provider])
    /// Its reset lines, which the guest's reset controller can't have: by name or index.
    case resets([String])
    /// These register blocks, by the properties that refer to them.
    case registerBlocks([String], [Provider])
    /// So many power domains, kept on by the host.
    case powerDomains(Int)

    /// In a few words, with the key or the command that mends it.
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

    /// Nothing where the property couldn't be taken apart.
    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "" : names.joined(separator: ", ") + " "
    }
}

extension GuestNode {
    /// What its driver probably doesn't start without; empty unless the node was explained. A power domain or two that
    /// the host holds are no need.
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
            // Linux has a dummy in its place.
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
    /// Remembers what is lost of a property of the device's own node.
    /// - Parameter outcomes: empty where the property can't be taken apart.
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
